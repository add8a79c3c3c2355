"""Fill the template of the clinical safety case report from the hazard log.

    python -m tests.safety.safety_case [out/junit-*.xml] > out/safety_case.md

With the results of tests, each control is shown with what became of its tests.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phenoextract.build import default_obo, obo_release
from phenoextract.purpose import INTENDED_PURPOSE
from tests.safety.check_hazards import Outcome, outcomes, unproven
from tests.safety.hazard_log import ACCEPTABLE, LOG, read_log


def render(results: Sequence[Path]) -> str:
    """Give the report in Markdown."""
    hazards = read_log()
    ran = outcomes(results)
    templates = Environment(  # Markdown, not a page: nothing to escape
        loader=FileSystemLoader(LOG.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )

    def outcome(test: str) -> str:
        cases = ran.get(test, {}).values()
        passed = sum(case is Outcome.PASSED for case in cases)
        return f"{passed} of {len(cases)} cases passed" if cases else "did not run"

    return templates.get_template("safety_case_template.md").render(
        version=importlib.metadata.version("phenoextract"),
        release=obo_release(default_obo()),
        purpose=INTENDED_PURPOSE,
        hazards=hazards,
        acceptable=ACCEPTABLE,
        control_count=sum(len(hazard.controls) for hazard in hazards),
        test_count=len({test for hazard in hazards for one in hazard.controls for test in one.tests}),
        results=bool(results),
        faults=unproven(hazards, ran) if results else [],
        outcome=outcome,
    )


if __name__ == "__main__":
    sys.stdout.write(render([Path(argument) for argument in sys.argv[1:]]))
