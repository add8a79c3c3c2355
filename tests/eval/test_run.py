"""A whole run over the toy corpus: record, tables, report, mistakes, comparison with an earlier run, baselines."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from phenoextract.errors import ConfigError
from phenoextract.ontology import Ontology
from phenoextract.types import Document, Status
from phenoextract_eval import history, tables
from phenoextract_eval.baselines import drops, read_baselines, write_baselines
from phenoextract_eval.gold import GoldDocument
from phenoextract_eval.mistakes import Reason, Side, mistakes, patterns
from phenoextract_eval.perturb import PERTURBATIONS
from phenoextract_eval.protocols import PUBLISHED, Protocol, protocol_for
from phenoextract_eval.report_html import render
from phenoextract_eval.run import PERTURBED, CorpusRefused, Options, Run, evaluate
from phenoextract_eval.stored import stored
from phenoextract_eval.systems import Coded, CodedTerm, System

CANARY = "Zebedee"


def write_corpus(folder: Path, gold: list[GoldDocument]) -> Path:
    """Write the toy corpus in the house format, with a patient's name in its text and mentions."""
    lines = []
    for document in gold:
        mentions = [
            {
                "spans": [[span.start, span.end] for span in mention.spans],
                "hpo_id": mention.hpo_id,
                "status": mention.status,
                "acceptable": sorted(mention.acceptable),
                "optional": mention.optional,
            }
            for mention in document.mentions
        ]
        traps = [{"start": t.span.start, "end": t.span.end, "why": t.why} for t in document.traps]
        text = document.text.replace("Seizures", CANARY + "!")
        record = {"id": document.id, "text": text, "mentions": mentions, "traps": traps, **document.metadata}
        lines.append(json.dumps(record))
    path = folder / "toy.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def corpus(tmp_path: Path, gold: list[GoldDocument]) -> Path:
    return write_corpus(tmp_path, gold)


def nothing(documents: Iterable[Document]) -> Iterator[Coded]:
    return (Coded(document.id) for document in documents)


def run(corpus: Path, system: System, toy: Ontology, *others: System, **options: object) -> Run:
    chosen = dataclasses.replace(Options(samples=100), **options)  # type: ignore[arg-type]
    return evaluate([corpus], lambda _: [system, *others], toy, chosen)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_record_and_the_tables_hold_the_same_figures(
    corpus: Path, system: System, toy: Ontology, tmp_path: Path
) -> None:
    done = run(corpus, system, toy)
    tables.write(done, tmp_path / "out", text=True)
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["hpo_release"] == "2025-01-16"
    (result,) = record["corpora"]
    assert len(result["sha256"]) == 64
    figure = result["systems"][0]["figures"]["document.present.lenient"]["f1"]
    assert figure["value"] == pytest.approx(4 / 9)
    (row,) = [r for r in rows(tmp_path / "out" / "figures.csv") if r["figure"] == "document.present.lenient"]
    assert (row["f1"], row["recall"]) == ("0.4444", "0.5")
    documents = [r for r in rows(tmp_path / "out" / "documents.csv") if r["figure"] == "document.present.strict"]
    assert [(r["document"], r["found"], r["gold"]) for r in documents] == [
        ("a", "1", "2"),
        ("b", "0", "1"),
        ("c", "0", "1"),
        ("d", "0", "0"),
    ]


def test_every_mistake_has_its_reason(gold: list[GoldDocument], answers: dict[str, Coded], toy: Ontology) -> None:
    found = mistakes(gold, answers, toy, Protocol())
    assert [(m.document, m.side, m.status, m.label, m.reason) for m in found] == [
        ("a", Side.MISS, Status.PRESENT, "Seizure", Reason.MORE_SPECIFIC),
        ("a", Side.FALSE, Status.PRESENT, "Microcephaly", Reason.STATUS),
        ("a", Side.FALSE, Status.PRESENT, "Bilateral tonic-clonic seizure", Reason.MORE_SPECIFIC),
        ("a", Side.MISS, Status.ABSENT, "Microcephaly", Reason.STATUS),
        ("b", Side.FALSE, Status.PRESENT, "Seizure", Reason.TRAP),
        ("c", Side.MISS, Status.PRESENT, "Seizure", Reason.NOT_IN_LEXICON),
    ]
    assert found[0].detail == "HP:0002069 Bilateral tonic-clonic seizure"
    assert found[4].detail == "surname"
    assert found[0].branches == ("Abnormality of the nervous system",)
    assert patterns(found + found[-1:])[0][-1] == 2


def test_reports_show_plots_and_load_nothing(corpus: Path, system: System, toy: Ontology) -> None:
    done = run(corpus, system, toy, System("empty", "1", nothing), perturb=True)
    page = render(done, text=True)
    assert page.count("<svg") >= 6
    assert not re.search(r"<(?:script|link|img|iframe)\b|url\(\s*['\"]?http", page)
    assert CANARY in page
    assert "HP:0001250" in page


def test_no_text_keeps_every_word_of_the_corpus_out(
    corpus: Path, system: System, toy: Ontology, tmp_path: Path
) -> None:
    done = run(corpus, system, toy)
    tables.write(done, tmp_path / "out", text=False)
    assert CANARY not in render(done, text=False)
    for file in (tmp_path / "out").iterdir():
        assert CANARY not in file.read_text(), file.name
    tables.write(done, tmp_path / "out", text=True)
    assert CANARY in (tmp_path / "out" / "mistakes.csv").read_text()


def test_two_systems_are_compared_in_pairs(corpus: Path, system: System, toy: Ontology) -> None:
    done = run(corpus, system, toy, System("empty", "1", nothing))
    found = {c.figure: c for c in done.record.comparisons}
    assert found["document.present.lenient"].against == "empty"
    assert found["document.present.lenient"].difference.value == pytest.approx(4 / 9)


def test_a_missing_and_a_surplus_prediction_are_reported(
    corpus: Path, system: System, answers: dict[str, Coded], toy: Ontology
) -> None:
    del answers["c"]
    stray = dataclasses.replace(system, known=frozenset({*answers, "z"}))
    done = run(corpus, stray, toy)
    assert done.record.corpora[0].problems == {"no prediction for the document": 1}
    assert done.record.surplus == ("z",)
    with pytest.raises(CorpusRefused, match="no prediction"):
        run(corpus, stray, toy, strict=True)
    answers["c"] = Coded("c")
    with pytest.raises(CorpusRefused, match="1 answers for documents that are in no corpus"):
        run(corpus, stray, toy, strict=True)


def test_strict_refuses_a_faulty_corpus_and_says_where(corpus: Path, system: System, toy: Ontology) -> None:
    run(corpus, system, toy, strict=True)
    corpus.write_text(corpus.read_text() + '{"id": "a", "text": "again"}\n')
    with pytest.raises(CorpusRefused, match=r"1 x two documents of one id; the first: line 5, document 'a'"):
        run(corpus, system, toy, strict=True)


def test_an_unannotated_corpus_gives_volumes_only(tmp_path: Path, system: System, toy: Ontology) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": "a", "text": "Ten words or so of plain text, without any gold."}\n')
    done = run(path, system, toy)
    (result,) = done.record.corpora[0].systems
    assert (result.figures, result.volume.features) == ({}, {"present": 3, "family": 1})
    assert result.volume.per_1000_words["present"] == 300
    assert "Text without gold" in render(done, text=True)


def test_a_later_run_says_which_mistakes_went_and_which_came(
    corpus: Path, system: System, answers: dict[str, Coded], toy: Ontology, tmp_path: Path
) -> None:
    tables.write(run(corpus, system, toy), tmp_path, text=False)
    answers["c"] = Coded("c", terms=(CodedTerm("HP:0001250"), CodedTerm("HP:0000252")))
    later = run(corpus, system, toy)
    folder = history.earlier_folder(tmp_path / "result.json")
    assert [(c.better, c.document, c.side, c.label) for c in history.changes(later, folder)] == [
        (True, "c", "miss", "Seizure"),
        (False, "c", "false hit", "Microcephaly"),
    ]
    moved = {c.figure: c.difference.value for c in history.against_earlier(later, folder)}
    assert moved["document.present.lenient"] == pytest.approx(2 * (3 / 7) * (3 / 4) / (3 / 7 + 3 / 4) - 4 / 9)
    assert moved["document.family.strict"] == 0
    page = render(history.with_earlier(later, folder), history.changes(later, folder), text=False)
    assert "1 mistakes went, 1 came" in page
    with pytest.raises(ConfigError, match=r"no result\.json"):
        history.earlier_folder(tmp_path / "nowhere")


def test_perturbations_are_compared_with_the_text_as_it_is(corpus: Path, system: System, toy: Ontology) -> None:
    done = run(corpus, system, toy, perturb=True)
    costs = {c.against.removeprefix(PERTURBED): c.difference.value for c in done.record.comparisons}
    assert costs == dict.fromkeys(PERTURBATIONS, 0)


def test_baselines_fail_on_a_drop_beyond_noise_and_on_more_traps(
    corpus: Path, system: System, answers: dict[str, Coded], toy: Ontology, tmp_path: Path
) -> None:
    path = tmp_path / "baselines.toml"
    write_baselines(run(corpus, system, toy).record, path)
    kept = read_baselines(path)
    assert drops(run(corpus, system, toy).record, kept) == []
    answers["a"] = Coded("a")
    fallen = {drop.baseline.figure: drop for drop in drops(run(corpus, system, toy).record, kept)}
    assert fallen["document.family.strict"].value == 0
    assert "toy document.family.strict: 0.000, was 1.000" in str(fallen["document.family.strict"])
    worse = [dataclasses.replace(b, value=0.1, noise=0.0) for b in kept if b.figure == "traps.coded"]
    assert len(drops(run(corpus, system, toy).record, worse)) == 1
    path.write_text("toy = 3\n")
    with pytest.raises(ConfigError, match="not a table of baselines"):
        read_baselines(path)


def test_phenotagger_keeps_the_test_split(tmp_path: Path, system: System, toy: Ontology) -> None:
    path = tmp_path / "gsc.jsonl"
    path.write_text('{"id": "a", "text": "x", "split": "dev"}\n{"id": "b", "text": "x", "split": "test"}\n')
    done = run(path, system, toy, protocol="phenotagger")
    assert [d.id for d in done.corpora[0].corpus.documents] == ["b"]
    with pytest.raises(ConfigError, match="no protocol named"):
        protocol_for("gsc", "other")
    assert set(PUBLISHED) == {"standard", "all-terms", "phenobert", "phenotagger"}


def test_stored_answers(tmp_path: Path) -> None:
    path = tmp_path / "theirs.jsonl"
    mention = {"start": 0, "end": 4, "hpo_id": "HP:0001250"}
    lines = [
        {"id": "a", "mentions": [mention, {**mention, "status": "absent", "confidence": 0.5}]},
        {"id": "b", "doc_terms": [{"hpo_id": "HP:0001252", "status": "family"}]},
        {"id": "c", "error": "too_long"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    system = stored(path)
    a, b = system.code(Document(i, "Fits") for i in "abc")
    assert [(t.hpo_id, t.status) for t in a.terms] == [("HP:0001250", "present"), ("HP:0001250", "absent")]
    assert b.terms == (CodedTerm("HP:0001252", Status.FAMILY),)
    for wrong, said in (("{}", "not a stored answer"), (json.dumps(lines[0]), "a second answer for document 'a'")):
        path.write_text(json.dumps(lines[0]) + "\n" + wrong + "\n")
        with pytest.raises(ConfigError, match=f":2: {said}"):
            stored(path)
