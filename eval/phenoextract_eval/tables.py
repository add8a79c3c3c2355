"""A run as files for machines: result.json, and one CSV table for each kind of figure."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from phenoextract_eval.bootstrap import Scores
from phenoextract_eval.mistakes import patterns
from phenoextract_eval.run import Run

_SCORES = [f"{rate}{end}" for rate in ("precision", "recall", "f1", "macro_f1") for end in ("", "_low", "_high")]
_MISTAKES = ["document", "side", "status", "hpo_id", "label", "reason", "detail", "section", "branches", "start", "end"]


def write(run: Run, out: Path, *, text: bool) -> None:
    """Write every table of a run into a folder; without `text` none of them holds a word of the corpora."""
    out.mkdir(parents=True, exist_ok=True)
    record = json.dumps(asdict(run.record), indent=2, default=str, ensure_ascii=True)
    (out / "result.json").write_text(record + "\n", "utf-8")
    results = [(c.corpus, s) for c in run.record.corpora for s in c.systems]
    measured = [(one.corpus, m) for one in run.corpora for m in one.measured]
    _table(
        out / "figures.csv",
        ["corpus", "system", "figure", *_SCORES],
        ([corpus, s.system, name, *_cells(scores)] for corpus, s in results for name, scores in s.figures.items()),
    )
    _table(
        out / "documents.csv",
        ["corpus", "system", "figure", "document", "found", "gold", "correct", "predicted"],
        (
            [corpus.name, m.result.system, name, document.id, c.found, c.gold, c.correct, c.predicted]
            for corpus, m in measured
            for name, counts in m.figures.items()
            for document, c in zip(corpus.documents, counts, strict=True)
        ),
    )
    _table(
        out / "mistakes.csv",
        ["corpus", "system", *_MISTAKES, *(["text"] if text else [])],
        (
            [
                corpus.name,
                m.result.system,
                *(each.document, each.side, each.status, each.hpo_id, each.label, each.reason, each.detail),
                *(each.section, "; ".join(each.branches)),
                *((each.span.start, each.span.end) if each.span else ("", "")),
                *([each.surface or ""] if text else []),
            ]
            for corpus, m in measured
            for each in m.mistakes
        ),
    )
    _table(
        out / "patterns.csv",
        ["corpus", "system", "side", "reason", "label", "detail", "count"],
        ([corpus.name, m.result.system, *pattern] for corpus, m in measured for pattern in patterns(m.mistakes)),
    )
    _table(
        out / "subgroups.csv",
        ["corpus", "system", "column", "value", "documents", "figure", *_SCORES],
        (
            [corpus, s.system, g.column, g.value, g.documents, g.figure, *_cells(g.scores)]
            for corpus, s in results
            for g in s.subgroups
        ),
    )
    _table(
        out / "confusion.csv",
        ["corpus", "system", "given", "gold", "found", "count"],
        (
            [corpus, s.system, given, *row]
            for corpus, s in results
            for given, rows in (("text", s.confusion), ("gold span", s.confusion_given_span))
            for row in rows
        ),
    )
    _table(
        out / "comparisons.csv",
        ["corpus", "figure", "system", "against", "difference", "low", "high", "p"],
        (
            [c.corpus, c.figure, c.system, c.against, *asdict(c.difference).values()]
            for c in sorted(run.record.comparisons, key=lambda c: (c.corpus, c.against, c.figure))
        ),
    )
    _table(
        out / "problems.csv",
        ["corpus", "line", "document", "problem", "detail"],
        ([one.corpus.name, p.line, p.document, p.kind, p.detail] for one in run.corpora for p in one.corpus.problems),
    )


def _cells(scores: Scores) -> list[float]:
    return [
        round(value, 4)
        for estimate in (scores.precision, scores.recall, scores.f1, scores.macro_f1)
        for value in (estimate.value, estimate.low, estimate.high)
    ]


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows([_cell(cell) for cell in row] for row in rows)


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
