"""The plots of the report, each as inline SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib

matplotlib.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenoextract_eval.calibration import Calibration
from phenoextract_eval.record import Comparison, EvalResult
from phenoextract_eval.run import PERTURBED, PRESENT
from phenoextract_eval.subgroups import Subgroup

_COLOURS = ("#005eb8", "#d5281b", "#007f3b", "#7c2855", "#ed8b00", "#425563")
_ROW = 0.32


def overview(record: EvalResult) -> str:
    """Draw the main figure of every corpus and system with its interval."""
    names = (*PRESENT, "assertion.accuracy")
    corpora = [c for c in record.corpora if any(n in s.figures for s in c.systems for n in names)]
    systems = list(dict.fromkeys(s.system for c in corpora for s in c.systems))
    if not corpora:
        return ""
    figure, axes = _figure(_ROW * max(1, len(systems)) * len(corpora) + 1.2)
    step = 0.8 / len(systems)
    for position, corpus in enumerate(corpora):
        for result in corpus.systems:
            name = next((n for n in names if n in result.figures), None)
            if name is None:
                continue
            which = systems.index(result.system)
            scores = result.figures[name]
            estimate = scores.f1 if corpus.protocol.precision else scores.recall
            y = position - 0.4 + step * (which + 0.5)
            axes.plot([estimate.low, estimate.high], [y, y], color=_COLOURS[which % len(_COLOURS)], linewidth=2)
            axes.plot(estimate.value, y, "o", color=_COLOURS[which % len(_COLOURS)], markersize=6)
    for which, system in enumerate(systems):
        axes.plot([], [], "o-", color=_COLOURS[which % len(_COLOURS)], label=system)
    labels = [c.corpus if c.protocol.precision else f"{c.corpus} (recall)" for c in corpora]
    axes.set_yticks(range(len(corpora)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1, 95 % interval")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    return _svg(figure, "F1 of every corpus and system with its interval; the table below has the figures")


def reliability(calibration: Calibration) -> str:
    """Draw claimed confidence against precision, the area of a point for its count."""
    figure, axes = _figure(3.6, width=4.6)
    axes.plot([0, 1], [0, 1], color="#aeb7bd", linestyle="--", linewidth=1)
    most = max(b.count for b in calibration.bins)
    axes.plot([b.confidence for b in calibration.bins], [b.precision for b in calibration.bins], color=_COLOURS[0])
    axes.scatter(
        [b.confidence for b in calibration.bins],
        [b.precision for b in calibration.bins],
        s=[20 + 180 * b.count / most for b in calibration.bins],
        color=_COLOURS[0],
    )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("precision")
    return _svg(figure, "precision against confidence")


def reasons(rows: Sequence[tuple[str, str, int]]) -> str:
    """Draw how many mistakes each reason cost."""
    figure, axes = _figure(_ROW * len(rows) + 0.9)
    colours = {"miss": _COLOURS[0], "false hit": _COLOURS[1]}
    axes.barh(
        [f"{side}: {reason}" for side, reason, _ in rows], [n for *_, n in rows], color=[colours[s] for s, *_ in rows]
    )
    axes.invert_yaxis()
    axes.set_xlabel("mistakes")
    return _svg(figure, "mistakes by reason")


def branches(rows: Sequence[tuple[str, int, int]]) -> str:
    """Draw the recall of each branch of HPO, the commonest first."""
    figure, axes = _figure(_ROW * len(rows) + 0.9)
    axes.barh(
        [f"{name} ({gold})" for name, gold, _ in rows],
        [1 - missed / gold for _, gold, missed in rows],
        color=_COLOURS[0],
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("recall of present ids (how many)")
    return _svg(figure, "recall by branch of HPO")


def subgroups(rows: Sequence[Subgroup]) -> str:
    """Draw F1 of every subgroup with its interval."""
    figure, axes = _figure(_ROW * len(rows) + 0.9)
    for y, row in enumerate(rows):
        f1 = row.scores.f1
        axes.plot([f1.low, f1.high], [y, y], color=_COLOURS[0], linewidth=2)
        axes.plot(f1.value, y, "o", color=_COLOURS[0])
    axes.set_yticks(range(len(rows)), [f"{r.column}: {r.value} ({r.documents})" for r in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1, 95 % interval (documents)")
    return _svg(figure, "F1 of subgroups with intervals")


def perturbations(rows: Sequence[Comparison]) -> str:
    """Draw what each way of rewriting costs, a colour for a corpus."""
    if not rows:
        return ""
    ways = list(dict.fromkeys(row.against.removeprefix(PERTURBED) for row in rows))
    corpora = list(dict.fromkeys(row.corpus for row in rows))
    figure, axes = _figure(_ROW * len(rows) * 0.6 + 1.5)
    step = 0.8 / len(corpora)
    for row in rows:
        which = corpora.index(row.corpus)
        y = ways.index(row.against.removeprefix(PERTURBED)) - 0.4 + step * (which + 0.5)
        colour = _COLOURS[which % len(_COLOURS)]
        axes.plot([row.difference.low, row.difference.high], [y, y], color=colour)
        axes.plot(row.difference.value, y, "o", color=colour, markersize=4)
    for which, corpus in enumerate(corpora):
        axes.plot([], [], "o-", color=_COLOURS[which % len(_COLOURS)], label=corpus)
    axes.axvline(0, color="#aeb7bd", linewidth=1)
    axes.set_yticks(range(len(ways)), ways)
    axes.invert_yaxis()
    axes.set_xlabel("change of F1, 95 % interval")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    return _svg(figure, "change of F1 by kind of rewriting")


def _figure(height: float, width: float = 9.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e8edee")
    axes.set_axisbelow(True)
    axes.margins(y=0.02)
    return figure, axes


def _svg(figure: Figure, label: str) -> str:
    """Give a figure as SVG that may stand inside HTML: no XML header, the same bytes for the same figure."""
    from markupsafe import Markup

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "phenoextract", "svg.fonttype": "none", "text.parse_math": False}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    drawing = re.sub(r"^.*?(?=<svg )", "", out.getvalue(), flags=re.DOTALL)
    drawing = drawing.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return Markup(drawing)  # noqa: S704 - our own drawing; its labels are escaped by matplotlib
