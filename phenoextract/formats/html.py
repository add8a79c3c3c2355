"""Reports as one self-contained HTML page: each letter with highlights, its terms, and what was not coded and why.

Statuses differ by sign, underline and colour, so that nothing depends on colour; the page loads and runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

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
from phenoextract.types import Annotation, Feature, Provenance, Report

_STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;color:#212b32;background:#fff;max-width:75rem;margin:0 auto;padding:1rem}
.letter{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #768692;padding:1rem}
mark{color:inherit;background:none;padding:0 .1em;text-decoration-thickness:.15em;text-underline-offset:.2em}
mark.present{background:#cce8d4;text-decoration:underline solid #005a30}
mark.absent{background:#f7d7d5;text-decoration:underline double #a2231d}
mark.uncertain{background:#fff3c4;text-decoration:underline wavy #7c5b00}
mark.family{background:#d2e4f5;text-decoration:underline dashed #003d78}
mark.not-coded{background:#eceff1;text-decoration:underline dotted #4c6272}
sup a{color:#003087}
table{border-collapse:collapse;width:100%;margin:1rem 0}
caption{text-align:left;font-weight:bold;font-size:1.25rem}
th,td{border:1px solid #768692;padding:.4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
@media (min-width:40rem){th,td:first-child{overflow-wrap:normal}}
.check{font-weight:bold}
footer{border-top:1px solid #768692;font-size:.9rem}
"""


def render(letters: Sequence[tuple[str, Report]]) -> str:
    """Give the page for letters, each its text and the report made of it."""
    articles = "\n".join(_article(text, report, number) for number, (text, report) in enumerate(letters, 1))
    made_by = dict.fromkeys(report.provenance for _, report in letters)
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Proposed HPO terms</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Proposed HPO terms</h1>
<p>{_legend()}</p>
{articles}
</main>
<footer>
<p>{escape(INTENDED_PURPOSE)}</p>
{"".join(_footer(provenance) for provenance in made_by)}
</footer>
</body>
</html>
"""


def _legend() -> str:
    statuses = [f'<mark class="{status.value}">{sign} {status.value}</mark>' for status, sign in MARKS.items()]
    return " ".join([*statuses, f'<mark class="not-coded">{NOT_CODED_MARK} not coded</mark>'])


def _article(text: str, report: Report, number: int) -> str:
    return f"""<article>
<h2>{_escape(report.id)}</h2>
<div class="letter" dir="auto">{_letter(text, report, number)}</div>
{_features(report, number)}
{_not_coded(report, number)}
</article>"""


def _letter(text: str, report: Report, number: int) -> str:
    parts = []
    for segment in segments(text, report.annotations):
        shown = _escape(segment.text)
        covering = [report.annotations[index] for index in segment.covering]
        parts.append(f'<mark class="{_class(covering)}">{shown}</mark>' if covering else shown)
        for index in segment.ends:
            sign = mark(report.annotations[index], index)
            parts.append(f'<sup><a href="#l{number}-{index + 1}">{sign}</a></sup>')
    return "".join(parts)


def _class(covering: list[Annotation]) -> str:
    return next((annotation.status.value for annotation in covering if is_coded(annotation)), "not-coded")


def _features(report: Report, number: int) -> str:
    if not report.features:
        return "<p>No terms to propose.</p>"
    rows = "\n".join(_feature_row(feature, report, number) for feature in by_status(report))
    return f"""<table>
<caption>Proposed terms</caption>
<thead><tr><th scope="col">Status</th><th scope="col">Term</th><th scope="col">Confidence</th>\
<th scope="col">Evidence</th><th scope="col">Why</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _feature_row(feature: Feature, report: Report, number: int) -> str:
    evidence = [(index, report.annotations[index]) for index in feature.evidence]
    check = f'<br><span class="check">Check: {_escape(review_reason(report, feature))}</span>'
    quotes = "<br>".join(_quote(found, index, number) for index, found in evidence)
    reasons = "<br>".join(dict.fromkeys(_escape(why_coded(found)) for _, found in evidence))
    return (
        f"<tr><td>{MARKS[feature.status]} {feature.status.value}</td>"
        f"<td>{_escape(feature.label)}<br>{_escape(feature.hpo_id)}{check if feature.needs_review else ''}</td>"
        f"<td>{feature.confidence:.2f}</td><td>{quotes}</td><td>{reasons}</td></tr>"
    )


def _not_coded(report: Report, number: int) -> str:
    rows = "\n".join(
        f"<tr><td>{_quote(found, index, number)}</td>"
        f"<td>{_escape(f'{found.label} {found.hpo_id}') if found.hpo_id else ''}</td>"
        f"<td>{_escape(why_not_coded(found))}</td></tr>"
        for index, found in enumerate(report.annotations)
        if not is_coded(found)
    )
    if not rows:
        return "<p>Nothing that was recognised was left uncoded.</p>"
    return f"""<table>
<caption>Not coded</caption>
<thead><tr><th scope="col">Text</th><th scope="col">Nearest term</th><th scope="col">Why not</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _quote(annotation: Annotation, index: int, number: int) -> str:
    return f'<span id="l{number}-{index + 1}">{mark(annotation, index)}</span> “{_escape(annotation.text)}”'


def _footer(provenance: Provenance) -> str:
    return (
        f"<p>{_escape(HPO_CITATION.format(release=provenance.hpo_release))}</p>"
        f"<p>phenoextract {_escape(provenance.version)}, index {provenance.index_sha256[:12]}, "
        f"rules {provenance.rules_sha256[:12]}, configuration {provenance.config_sha256[:12]}</p>"
    )


def _escape(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode("utf-8"))
