"""A run as one HTML file with plots, for people; it needs no network and no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from phenoextract.errors import ConfigError
from phenoextract.ontology import HPO_CITATION
from phenoextract.types import Status
from phenoextract_eval.history import EARLIER, Change
from phenoextract_eval.mistakes import Mistake, patterns
from phenoextract_eval.record import Comparison, CorpusResult, SystemResult
from phenoextract_eval.run import PERTURBED, PRESENT, Measured, Run, Scored

_EXAMPLES = 25
_PATTERNS = 25
_CHANGES = 200


def render(run: Run, changed: Sequence[Change] = (), *, text: bool) -> str:
    """Give the report; without `text` it holds no word of the corpora. Raises ConfigError without the eval extra."""
    try:
        import jinja2

        from phenoextract_eval import plots
    except ModuleNotFoundError as error:
        raise ConfigError(f"the report needs {error.name}: pip install 'phenoextract[eval]'") from None

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("phenoextract_eval", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    record = run.record
    page = environment.get_template("report.html.j2").render(
        record=record,
        overview=plots.overview(record),
        pages=[_page(one, record.comparisons, plots, text) for one in run.corpora],
        unannotated=[c for c in record.corpora if not c.annotated],
        perturbed=plots.perturbations([c for c in record.comparisons if c.against.startswith(PERTURBED)]),
        earlier=[c for c in record.comparisons if c.against == EARLIER],
        changed=changed[:_CHANGES],
        changes=Counter("better" if change.better else "worse" for change in changed),
        citation=HPO_CITATION.format(release=record.hpo_release),
    )
    return page


def main_figure(result: SystemResult) -> str | None:
    """Give the figure by which a corpus is judged."""
    return next((name for name in (*PRESENT, "assertion.accuracy") if name in result.figures), None)


def _page(one: Scored, comparisons: Sequence[Comparison], plots: Any, text: bool) -> dict[str, Any]:
    """Collect what the template shows of one corpus; the first system is the one that is explained."""
    first: Measured = one.measured[0]
    result: CorpusResult = one.result
    return {
        "result": result,
        "first": first.result,
        "main": main_figure(first.result),
        "statuses": [str(status) for status in Status],
        "reliability": plots.reliability(first.result.calibration) if first.result.calibration else "",
        "reasons": plots.reasons(first.result.reasons) if first.result.reasons else "",
        "branches": plots.branches(first.result.branches) if first.result.branches else "",
        "subgroups": plots.subgroups(first.result.subgroups) if first.result.subgroups else "",
        "confusion": _grid(first.result.confusion),
        "confusion_given_span": _grid(first.result.confusion_given_span),
        "patterns": patterns(first.mistakes)[:_PATTERNS],
        "sections": Counter((m.section, m.side) for m in first.mistakes).most_common(12),
        "examples": _spread(first.mistakes) if text else [],
        "comparisons": [
            c
            for c in comparisons
            if c.corpus == result.corpus and c.against != EARLIER and not c.against.startswith(PERTURBED)
        ],
    }


def _grid(rows: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    """Turn (gold, found, count) into a table."""
    order = [*map(str, Status), "nothing"]
    gold = [name for name in order if any(row[0] == name for row in rows)]
    found = [name for name in order if any(row[1] == name for row in rows)]
    counts = {(a, b): n for a, b, n in rows}
    return {"found": found, "rows": [(a, [counts.get((a, b), 0) for b in found]) for a in gold]}


def _spread(found: Sequence[Mistake]) -> list[Mistake]:
    """Choose examples that have words to show, in turn from each reason."""
    by_reason: dict[str, list[Mistake]] = {}
    for mistake in found:
        if mistake.surface:
            by_reason.setdefault(f"{mistake.side} {mistake.reason}", []).append(mistake)
    chosen: list[Mistake] = []
    for turn in range(_EXAMPLES):
        chosen += [group[turn] for group in by_reason.values() if turn < len(group)]
    return chosen[:_EXAMPLES]
