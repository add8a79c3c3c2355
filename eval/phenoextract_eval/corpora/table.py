"""Document-level gold in a spreadsheet (CSV, TSV or Excel), the form a hospital's own team can fill in.

One row a letter: `document`, then `text` or `file` (beside the table: .txt, .docx or .pdf), then HPO ids in the
columns `present`, `absent`, `family` and `uncertain`, many in a cell parted by anything. Or one row a term:
`document`, `hpo_id`, `status`. Every other column is metadata.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from phenoextract.errors import ConfigError, DocumentError
from phenoextract.readers import read
from phenoextract.types import Status
from phenoextract_eval.corpora.status import status_named
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldTerm, Kind, Problem

_DOCUMENT = ("document", "document_id", "doc_id", "letter", "id")
_IDS = ("hpo_id", "hpo_ids", "hpo")
_STATUSES = frozenset(str(status) for status in Status)
_HPO_ID = re.compile(r"HP[:_](\d+)", re.IGNORECASE)


@dataclass(slots=True)
class _Rows:
    """What the rows of one document have said so far."""

    line: int
    failed: bool = False
    text: str = field(default="", repr=False)
    terms: dict[GoldTerm, None] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def read_table(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a table; raises ConfigError where it has no column for the document.

    A cell that should hold ids and holds none is reported, and so is a document without text.
    """
    rows = _excel(path) if path.suffix.lower() == ".xlsx" else _delimited(path, problems)
    found: dict[str, _Rows] = {}
    for number, row in rows:
        document = next((row[name] for name in _DOCUMENT if row.get(name)), None)
        if document is None:
            if not any(name in row for name in _DOCUMENT):
                raise ConfigError(f"{path}: no column named document")
            if any(row.values()):
                problems.append(Problem(Kind.UNREADABLE, "", number))
            continue
        _take(row, found.setdefault(document, _Rows(number)), document, number, path.parent, problems)
    for document, rows_of in found.items():
        if not rows_of.text:
            if not rows_of.failed:
                problems.append(Problem(Kind.NO_TEXT, document, rows_of.line))
            continue
        yield GoldDocument(
            document, rows_of.text, (), tuple(rows_of.terms), metadata=rows_of.metadata, line=rows_of.line
        )


def _take(
    row: Mapping[str, str], rows: _Rows, document: str, number: int, folder: Path, problems: list[Problem]
) -> None:
    for name, cell in row.items():
        if not cell or name in _DOCUMENT:
            continue
        if name == "text":
            rows.text = rows.text or cell
        elif name == "file":
            try:
                rows.text = rows.text or read(folder / cell).text
            except DocumentError as error:
                rows.failed = True
                problems.append(Problem(Kind.NO_TEXT, document, number, error.code))
        elif name in _IDS or name in _STATUSES:
            status = status_named(row.get("status") or "") if name in _IDS else Status(name)
            if name in _IDS and row.get("status") and status is None:
                problems.append(Problem(Kind.UNKNOWN_STATUS, document, number))
            ids = [f"HP:{digits.zfill(7)}" for digits in _HPO_ID.findall(cell)]
            if not ids:
                problems.append(Problem(Kind.UNKNOWN_ID, document, number, f"no HPO id in column {name}"))
            rows.terms.update(dict.fromkeys(GoldTerm(hpo_id, status or Status.PRESENT) for hpo_id in ids))
        elif name != "status" and len(cell) <= 60:
            rows.metadata[name] = cell


def _delimited(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    text = decoded(path, problems)
    head = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=head.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [_name(cell) for cell in next(table, [])]
    before = table.line_num
    for row in table:
        yield before + 1, dict(zip(header, (cell.strip() for cell in row), strict=False))
        before = table.line_num


def _excel(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError:
        raise ConfigError("reading .xlsx needs openpyxl: pip install 'phenoextract[eval]'") from None

    workbook = load_workbook(path, read_only=True, data_only=True)
    rows = workbook.worksheets[0].iter_rows(values_only=True)
    header = [_name(str(cell or "")) for cell in next(rows, ())]
    for number, row in enumerate(rows, 2):
        cells = ["" if cell is None else str(cell).strip() for cell in row]
        yield number, dict(zip(header, cells, strict=False))
    workbook.close()


def _name(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_")
