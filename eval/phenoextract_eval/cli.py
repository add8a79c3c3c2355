"""The command `eval`. Heavy modules are imported inside it, so that help answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenoextract.errors import ConfigError

if TYPE_CHECKING:
    from phenoextract.ontology import Ontology
    from phenoextract.types import Provenance
    from phenoextract_eval.protocols import Protocol
    from phenoextract_eval.run import Run
    from phenoextract_eval.systems import System

BELOW_BASELINE = 1


def register(app: typer.Typer) -> None:
    """Add the command `eval` to an application."""
    app.command("eval")(run_eval)


def run_eval(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Annotated corpora, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Write result.json, report.html and tables here.")],
    corpora: Annotated[
        list[str] | None, typer.Option("--corpora", metavar="NAME", help="Only these corpora (file names, no ending).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a corpus with faults.")] = False,
    no_text: Annotated[bool, typer.Option("--no-text", help="Keep every word of the corpora out of DIR.")] = False,
    peers: Annotated[
        list[str] | None,
        typer.Option("--peers", metavar="NAME", help="Also run fasthpocr, fasthpocr-nested, fenominal or exact."),
    ] = None,
    system: Annotated[
        Path | None, typer.Option("--system", metavar="FILE", help="Score these stored answers, not the extractor's.")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option("--compare", metavar="DIR", help="Say what changed since the run in this folder.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="How to score: standard, all-terms, phenobert or phenotagger.")
    ] = "standard",
    perturb: Annotated[
        bool, typer.Option("--perturb", help="Also score rewritten letters (ten times the time).")
    ] = False,
    samples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    baselines: Annotated[
        Path | None, typer.Option("--baselines", metavar="FILE", help="Exit 1 where a figure fell below this file.")
    ] = None,
    new_baselines: Annotated[
        Path | None, typer.Option("--write-baselines", metavar="FILE", help="Write the figures as new baselines.")
    ] = None,
    index: Annotated[Path | None, typer.Option("--index", metavar="DIR", help="Use the index in this folder.")] = None,
    no_encoder: Annotated[bool, typer.Option("--no-encoder", help="Measure the lexicon alone.")] = False,
) -> None:
    """Measure accuracy on annotated corpora, and say why it is not higher."""
    from phenoextract_eval import history, tables
    from phenoextract_eval.baselines import drops, read_baselines, write_baselines
    from phenoextract_eval.corpora import find_corpora
    from phenoextract_eval.protocols import protocol_for
    from phenoextract_eval.release import release_file
    from phenoextract_eval.report_html import render
    from phenoextract_eval.run import Options, evaluate
    from phenoextract_eval.similarity import information_content, lin

    found = find_corpora(paths, _split(corpora))
    protocol_for("", protocol)
    kept = read_baselines(baselines) if baselines else []
    before = history.earlier_folder(earlier) if earlier else None
    systems, ontology, provenance = _systems(index, system, _split(peers), encoder=not no_encoder)
    run = evaluate(
        found,
        systems,
        ontology,
        Options(protocol, samples, seed, perturb, strict),
        similarity=lin(ontology, information_content(ontology, release_file("phenotype.hpoa"))),
        provenance=provenance,
        command=sys.argv[1:],
        progress=_progress(len(found)),
    )
    changed: list[history.Change] = []
    if before is not None:
        run = history.with_earlier(run, before)
        changed = history.changes(run, before)
    tables.write(run, out, text=not no_text)
    (out / "report.html").write_text(render(run, changed, text=not no_text), "utf-8")
    _summarise(run, out)
    if new_baselines:
        write_baselines(run.record, new_baselines)
    fallen = drops(run.record, kept)
    for drop in fallen:
        typer.echo(f"below baseline: {drop}", err=True)
    if fallen:
        raise typer.Exit(BELOW_BASELINE)


def _systems(
    index: Path | None, predictions: Path | None, peers: Sequence[str], *, encoder: bool
) -> tuple[Callable[[Protocol], Sequence[System]], Ontology, Provenance | None]:
    """Give the systems to test for a protocol (an extractor is loaded once for each setting), and what made them."""
    from phenoextract import ExtractConfig, load
    from phenoextract.build import obo_release
    from phenoextract_eval.peers import peer
    from phenoextract_eval.product import product
    from phenoextract_eval.release import release_file
    from phenoextract_eval.stored import stored

    extractors = {False: load(index, ExtractConfig(encoder=encoder))}
    ontology = extractors[False].ontology
    given = stored(predictions) if predictions else None
    obo = release_file("hp.obo")
    if peers and obo_release(obo) != ontology.release:
        raise ConfigError(f"peers run on HPO {obo_release(obo)}, the index is {ontology.release}")
    cache = Path(typer.get_app_dir("phenoextract")) / "peers"
    others = [peer(name, obo, ontology, cache) for name in peers]

    def systems(protocol: Protocol) -> Sequence[System]:
        if given:
            return [given, *others]
        if protocol.nested not in extractors:
            extractors[protocol.nested] = load(index, ExtractConfig(nested=protocol.nested, encoder=encoder))
        return [product(extractors[protocol.nested]), *others]

    return systems, ontology, None if given else extractors[False].provenance


def _split(names: Sequence[str] | None) -> list[str]:
    return [name.strip() for given in names or () for name in given.split(",") if name.strip()]


def _progress(corpora: int) -> Callable[[str, str], None]:
    """Say on standard error which corpus of how many is worked on, a line a step."""
    seen: list[str] = []

    def say(corpus: str, step: str) -> None:
        if corpus not in seen:
            seen.append(corpus)
        typer.echo(f"[{len(seen)}/{corpora}] {corpus}: {step}", err=True)

    return say


def _summarise(run: Run, out: Path) -> None:
    """Print the main figure of every corpus and system."""
    from phenoextract_eval.run import PRESENT

    if run.record.surplus:
        typer.echo(f"{len(run.record.surplus)} answers are for documents that are in no corpus", err=True)
    for corpus in run.record.corpora:
        for result in corpus.systems:
            main = next((name for name in (*PRESENT, "assertion.accuracy") if name in result.figures), None)
            if not corpus.annotated:
                per = result.volume.per_1000_words.items()
                text = "no gold; per 1,000 words: " + ", ".join(f"{status} {n:.1f}" for status, n in sorted(per))
            elif main is None:
                text = "nothing to score"
            elif not corpus.protocol.precision:
                recall = result.figures[main].recall
                text = f"recall {recall.value:.3f} [{recall.low:.3f}, {recall.high:.3f}]"
            else:
                s = result.figures[main]
                text = f"F1 {s.f1.value:.3f} [{s.f1.low:.3f}, {s.f1.high:.3f}]"
                text += f"  P {s.precision.value:.3f}  R {s.recall.value:.3f}  {main}"
            typer.echo(f"{corpus.corpus:20} {result.system:18} {text}")
    typer.echo(f"{out / 'report.html'}")
