"""Fail where a control of the hazard log is not proven by the test runs at hand.

    python -m tests.safety.check_hazards out/junit-*.xml

The arguments are what `pytest --junitxml` wrote; a test may have run in any of them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

from lxml import etree

from tests.safety.hazard_log import Hazard, read_log


class Outcome(IntEnum):
    """How one case of a test ended; of several runs of it the highest counts, so that a failure is never hidden."""

    SKIPPED = 0
    PASSED = 1
    FAILED = 2


def outcomes(results: Iterable[Path]) -> dict[str, dict[str, Outcome]]:
    """Give, by node id without parameters, the outcome of each case of the tests that ran."""
    found: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for path in results:
        for case in etree.parse(path).iter("testcase"):
            name = case.get("name")
            test = f"{case.get('classname').replace('.', '/')}.py::{name.partition('[')[0]}"
            found[test][name] = max(_outcome(case), found[test].get(name, Outcome.SKIPPED))
    return found


def _outcome(case: etree._Element) -> Outcome:
    tags = {child.tag for child in case}
    if tags & {"failure", "error"}:
        return Outcome.FAILED
    return Outcome.SKIPPED if "skipped" in tags else Outcome.PASSED


def unproven(hazards: Iterable[Hazard], ran: Mapping[str, Mapping[str, Outcome]]) -> list[str]:
    """Give a line for each test of a control that did not run, was skipped in any case, or failed."""
    faults = []
    for hazard in hazards:
        for control in hazard.controls:
            for test in control.tests:
                cases = ran.get(test, {}).values()
                if not cases:
                    faults.append(f"{hazard.id}: {test} did not run")
                elif Outcome.FAILED in cases:
                    faults.append(f"{hazard.id}: {test} failed")
                elif Outcome.SKIPPED in cases:
                    faults.append(f"{hazard.id}: {test} was skipped")
    return faults


def main(arguments: Sequence[str]) -> int:
    """Print what is not proven; 0 if nothing, 1 if something, 2 without results to look at."""
    results = [Path(argument) for argument in arguments]
    missing = [path for path in results if not path.is_file()]
    if missing or not results:
        sys.stderr.write("check_hazards: give the files that pytest --junitxml wrote\n")
        return 2
    hazards = read_log()
    faults = unproven(hazards, outcomes(results))
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    controls = sum(len(hazard.controls) for hazard in hazards)
    sys.stdout.write(f"{len(hazards)} hazards, {controls} controls, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
