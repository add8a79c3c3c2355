"""The report for a terminal: the letter with highlights, the proposed terms, and what was not coded and why.

Every highlight carries a sign and a number, so that nothing depends on colour.
"""

from __future__ import annotations

import io

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from phenoextract.formats.marks import (
    MARKS,
    NOT_CODED_MARK,
    by_status,
    is_coded,
    mark,
)
from phenoextract.formats.segments import segments
from phenoextract.ontology import HPO_CITATION
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.reasons import review_reason, why_coded, why_not_coded
from phenoextract.types import Annotation, Report, Status

_STYLES = {
    Status.PRESENT: "bold green",
    Status.ABSENT: "bold red",
    Status.UNCERTAIN: "bold yellow",
    Status.FAMILY: "bold blue",
}
_NOT_CODED_STYLE = "dim underline"
# Control characters could drive the terminal and bidirectional ones could hide text: each is shown as one sign.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)]
_VISIBLE = dict.fromkeys(_CONTROLS, "\ufffd") | {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): ""}


def render(report: Report, text: str, *, width: int = 100, colour: bool = False) -> str:
    """Give the view as text, `width` columns wide, with ANSI colours if `colour`."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
    )
    console.print(_view(report, text))
    return out.getvalue()


def _view(report: Report, text: str) -> RenderableType:
    return Group(
        Text(f"── {_safe(report.id)} ", style="bold"),
        Text(),
        _letter(report, text),
        Text(),
        _features(report),
        Text(),
        _not_coded(report),
        Text(),
        Text(_legend(), style="dim"),
        Text(INTENDED_PURPOSE, style="dim"),
        Text(HPO_CITATION.format(release=report.provenance.hpo_release), style="dim"),
    )


def _letter(report: Report, text: str) -> Text:
    shown = Text()
    for segment in segments(text, report.annotations):
        covering = [report.annotations[index] for index in segment.covering]
        shown.append(_safe(segment.text), style=_style(covering))
        for index in segment.ends:
            shown.append(f"[{mark(report.annotations[index], index)}]", style="dim")
    return shown


def _style(covering: list[Annotation]) -> str:
    coded = [annotation for annotation in covering if is_coded(annotation)]
    if coded:
        return _STYLES[coded[0].status]
    return _NOT_CODED_STYLE if covering else ""


def _features(report: Report) -> RenderableType:
    if not report.features:
        return Text("No terms to propose.")
    table = Table(title="Proposed terms", title_justify="left", title_style="bold", expand=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Term", ratio=3)
    table.add_column("Evidence", ratio=3)
    table.add_column("Why", ratio=4)
    for feature in by_status(report):
        evidence = [(index, report.annotations[index]) for index in feature.evidence]
        term = Text(f"{feature.label}\n{feature.hpo_id}  {feature.confidence:.2f}")
        if feature.needs_review:
            term.append(f"\ncheck: {_safe(review_reason(report, feature))}", style="yellow")
        table.add_row(
            Text(f"{MARKS[feature.status]} {feature.status.value}", style=_STYLES[feature.status]),
            term,
            Text("\n".join(f"[{mark(found, index)}] “{_one_line(found.text)}”" for index, found in evidence)),
            Text("\n".join(dict.fromkeys(_one_line(why_coded(found)) for _, found in evidence))),
        )
    return table


def _not_coded(report: Report) -> RenderableType:
    rows = [(index, found) for index, found in enumerate(report.annotations) if not is_coded(found)]
    if not rows:
        return Text("Nothing that was recognised was left uncoded.")
    table = Table(title="Not coded", title_justify="left", title_style="bold", expand=True)
    table.add_column("Text", ratio=3)
    table.add_column("Nearest term", ratio=3)
    table.add_column("Why not", ratio=4)
    for index, found in rows:
        nearest = f"{found.label} {found.hpo_id}" if found.hpo_id else ""
        table.add_row(
            Text(f"[{mark(found, index)}] “{_one_line(found.text)}”"),
            Text(nearest),
            Text(_one_line(why_not_coded(found))),
        )
    return table


def _legend() -> str:
    signs = ", ".join(f"{sign} {status.value}" for status, sign in MARKS.items())
    return f"Signs: {signs}, {NOT_CODED_MARK} not coded."


def _safe(text: str) -> str:
    return text.translate(_VISIBLE)


def _one_line(text: str) -> str:
    return " ".join(_safe(text).split())
