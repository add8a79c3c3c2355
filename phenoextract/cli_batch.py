"""The command `batch`: its options, its progress, and what it says at the end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenoextract.formats.deidentify import Evidence

if TYPE_CHECKING:
    from phenoextract.batch.journal import Summary
    from phenoextract.batch.sources import Row

_SAY_EVERY = 30.0  # seconds between lines where there is no terminal
_FAILED, _INTERRUPTED = 1, 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(batch)


def batch(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A file, a folder of files or of letters, or - for standard input.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="A file, by its suffix, - for standard output, or a folder."),
    ],
    index: Annotated[
        Path | None, typer.Option("--index", metavar="DIR", help="Use the index in this folder, not the current one.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--from", help="What IN holds: jsonl, csv, parquet, omop, fhir or letters.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--to", help="What to write: jsonl, csv, parquet, omop, omop-parquet or fhir.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", metavar="NAME", help="Where the ids are.")] = None,
    text_column: Annotated[
        str | None, typer.Option("--text-column", metavar="NAME", help="Where the texts are.")
    ] = None,
    carry: Annotated[
        list[str] | None,
        typer.Option("--carry", metavar="NAME", help="Carry this column through; without it a table's others all are."),
    ] = None,
    carry_nothing: Annotated[bool, typer.Option("--carry-nothing", help="Carry no column through.")] = False,
    only: Annotated[
        Path | None, typer.Option("--only", metavar="FAILED.jsonl", help="Only the documents that this file names.")
    ] = None,
    since: Annotated[
        Path | None, typer.Option("--since", metavar="OLD", help="Code again only what can differ from this output.")
    ] = None,
    old_index: Annotated[
        Path | None, typer.Option("--old-index", metavar="DIR", help="The index that OLD was made with.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one a core by default.")] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", help="The longest that a document may take.")
    ] = 60.0,
    part_size: Annotated[int, typer.Option("--part-size", min=1, help="Documents in a part, at most.")] = 1000,
    no_encoder: Annotated[
        bool, typer.Option("--no-encoder", help="Go by the lexicon alone: faster, but no paraphrases.")
    ] = False,
    evidence: Annotated[
        Evidence,
        typer.Option(help="Quote the documents, mask names, dates and numbers in them, or withhold their words."),
    ] = Evidence.QUOTED,
    restart: Annotated[bool, typer.Option("--restart", help="Throw an unfinished run of OUT away.")] = False,
) -> None:
    r"""Code many documents with every core; stopped anywhere, the same command goes on.

    OUT appears only when it is complete. Documents that fail are named in OUT.failed.jsonl, the exit code is 1,
    and the others are done.

    \b
    Examples:
      phenoextract batch notes.jsonl --out reports.jsonl
      phenoextract batch notes/ --text-column body --id-column note --out reports.parquet
      phenoextract batch NOTE.parquet --from omop --to omop --out NOTE_NLP.csv
      phenoextract batch notes.jsonl --only reports.jsonl.failed.jsonl --out retried.jsonl
      phenoextract batch notes.jsonl --since reports.jsonl --out reports-2.jsonl
    """
    from phenoextract.errors import ConfigError

    if sys.platform != "linux":
        raise ConfigError("batch forks its workers and needs Linux, or WSL on Windows")
    from phenoextract.batch.recode import open_earlier
    from phenoextract.batch.run import Options, run
    from phenoextract.batch.sinks import Form, guess_form
    from phenoextract.batch.sources import Columns, Kind, guess_kind, open_source
    from phenoextract.index import index_path
    from phenoextract.pipeline import ExtractConfig, load

    def choice(value: str, choices: type[Kind] | type[Form], option: str) -> str:
        if value not in [*choices]:
            raise ConfigError(f"{option} {value}: is not one of {', '.join(choices)}")
        return value

    reads = Kind(choice(kind, Kind, "--from")) if kind else guess_kind(source)
    named = guess_form(out)
    writes = Form(choice(form, Form, "--to")) if form else named or Form.JSONL
    if writes is Form.OMOP and named is Form.PARQUET:
        writes = Form.OMOP_PARQUET
    own = Columns("note_id", "note_text") if reads is Kind.OMOP else Columns()
    columns = Columns(
        id_column or own.id, text_column or own.text, () if carry_nothing else tuple(carry) if carry else None
    )
    opened = open_source(source, reads, columns)
    extractor = load(index, ExtractConfig(encoder=not no_encoder))
    path = index or index_path()
    earlier = None
    if since:
        earlier = open_earlier(since, extractor.provenance, extractor.ontology, path, old_index, extractor.encoder)
    options = Options(
        workers=workers or len(os.sched_getaffinity(0)),
        time_limit=time_limit,
        part_rows=part_size,
        restart=restart,
        evidence=evidence,
        only=_named_in(only) if only else None,
        settings={"only": _digest(only), "since": str(since), "columns": [columns.id, columns.text]},
    )
    started = time.monotonic()
    try:
        with _progress(opened.total) as progress:
            summary = run(extractor, opened, out, writes, options, earlier=earlier, progress=progress)
    except KeyboardInterrupt:
        typer.echo("phenoextract: stopped; the same command goes on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    typer.echo(f"phenoextract: {describe(summary, time.monotonic() - started)}", err=True)
    if summary.failed:
        raise typer.Exit(_FAILED)


def describe(summary: Summary, seconds: float) -> str:
    """Say in a line what a run has done."""
    failed = ", ".join(f"{code} {count}" for code, count in sorted(summary.failed.items()))
    said = [
        f"{summary.documents} documents",
        f"{summary.coded} coded",
        f"{summary.empty} empty",
        f"{summary.failed.total()} failed{f' ({failed})' if failed else ''}",
        f"{summary.terms} terms",
    ]
    if summary.duplicates:
        said.append(f"{summary.duplicates} duplicates not coded again")
    if summary.reused or summary.changed:
        said += [f"{summary.reused} taken over", f"{summary.changed} changed"]
    return ", ".join([*said, f"{seconds:.1f} s", f"{summary.documents / max(seconds, 0.001):.1f} documents/s"])


def _named_in(path: Path) -> Callable[[Row], bool]:
    """Tell whether a row is named in a file of failed documents: by its id, or by its place if it has none."""
    from phenoextract.errors import ConfigError

    ids: set[str] = set()
    places: set[tuple[str, int]] = set()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = json.loads(line)
            if record["id"] is None:
                places.add((record["file"], record["row"]))
            else:
                ids.add(str(record["id"]))
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{path}, line {number}: not a line with an id, or a file and a row") from None
    return lambda row: row.id in ids or (row.id is None and (row.file, row.number) in places)


def _digest(path: Path | None) -> str | None:
    return sha256(path.read_bytes()).hexdigest() if path else None


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with rate and time left on a terminal, and a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = "{task.fields[documents]} documents, {task.fields[rate]:.0f}/s"
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn(shown), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=total, documents=0, rate=0.0)
    started = time.monotonic()

    def advance(done: int, documents: int) -> None:
        bar.start()  # not before the first result: the workers are forked by then
        rate = documents / max(time.monotonic() - started, 0.001)
        bar.update(task, completed=done, documents=documents, rate=rate)

    try:
        yield advance
    finally:
        bar.stop()


class _Lines:
    """Says on standard error how far a run is, every half minute."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._started = self._said = time.monotonic()

    def __call__(self, done: int, documents: int) -> None:
        now = time.monotonic()
        if now - self._said < _SAY_EVERY:
            return
        self._said = now
        seconds = now - self._started
        left = f", about {seconds * (self._total - done) / done / 60:.0f} min left" if self._total and done else ""
        typer.echo(f"phenoextract: {documents} documents, {documents / seconds:.1f} documents/s{left}", err=True)
