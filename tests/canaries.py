"""A watch over a whole test run for canaries: made-up names in letters, which no log, error or stray file may hold.

Every constant CANARY of a test file is one. While the tests run the watch reads each log record, error of ours,
warning, problem body, header, metrics page and standard error; when they have run, each temporary file that is not
meant to hold text. One hit fails the run, whatever the tests themselves looked at.
"""

from __future__ import annotations

import ast
import functools
import logging
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click.testing
import httpx2
import pytest

from phenoextract.errors import PhenoextractError

# inputs and answers, which hold the words of letters because that is what they are for
HOLDS_TEXT = frozenset(
    ".txt .docx .pdf .json .jsonl .ndjson .csv .tsv .parquet .html .hl7 .fhir .yaml .gz .bz2 .xz .zst .py".split()
)
NEVER_HOLDS_TEXT = (".failed.jsonl", ".changes.jsonl")
_LEAST_LETTERS = 9  # of a word that is a canary by itself


def canaries(tests: Path) -> frozenset[str]:
    """Give the canaries of the tests below a folder: each constant CANARY, and its longest word if it is long."""
    found = set()
    for path in tests.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id="CANARY")], value=ast.Constant(value=str(text))):
                    found |= {text, max(text.split(), key=len)}
    return frozenset(word for word in found if " " in word or len(word) >= _LEAST_LETTERS)


class Watch:
    """A pytest plugin that looks for `words`; it keeps where they were found and by which test, not what was there."""

    def __init__(self, words: frozenset[str]) -> None:
        self.words = words
        self.hits: list[str] = []
        self.looked: Counter[str] = Counter()
        self._encoded = [word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
        self._errors: list[PhenoextractError] = []
        self._test = "before the first test"
        self._undo: list[Callable[[], None]] = []

    def look(self, place: str, what: object) -> None:
        """Look at what was said or written, a text or bytes, at a place."""
        kind = place.partition(" ")[0]
        self.looked[kind] += 1
        if isinstance(what, bytes):
            found = any(word in what for word in self._encoded)
        else:
            found = any(word in str(what) for word in self.words)
        if found:
            self.hits.append(f"{place}, {self._test}")

    def look_at_files(self, folder: Path) -> None:
        """Look at the files below a folder that are not meant to hold text."""
        for path in folder.rglob("*"):
            meant = path.suffix.lower() in HOLDS_TEXT and not path.name.endswith(NEVER_HOLDS_TEXT)
            if not meant and path.is_file() and not path.is_symlink():
                with suppress(OSError):
                    self.look(f"file {path.relative_to(folder)}", path.read_bytes())

    def pytest_sessionstart(self) -> None:
        self._wrap(logging.Logger, "handle", self._log)
        self._wrap(PhenoextractError, "__init__", self._error)
        self._wrap(httpx2.Client, "send", self._answer)
        self._wrap(click.testing.CliRunner, "invoke", self._command)
        self._wrap(subprocess.Popen, "communicate", self._child)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._test = item.nodeid
        yield
        for error in self._errors:
            self.look("error", f"{error} {error!r}")
        self._errors.clear()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.look("standard-error", report.capstderr)

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        self.look("warning", warning_message.message)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        for undo in self._undo:
            undo()
        self._test = "when all had run"
        factory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        self.look_at_files(factory.getbasetemp())
        for folder in Path(tempfile.gettempdir()).glob("phenoextract-*"):
            self.look_at_files(folder)
        if self.hits:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        looked = ", ".join(f"{count} {kind}" for kind, count in sorted(self.looked.items()))
        terminalreporter.write_line(f"canaries: {len(self.words)} words, {len(self.hits)} hits in {looked}")
        for hit in self.hits:
            terminalreporter.write_line(f"CANARY FOUND: {hit}", red=True)

    def _wrap(self, owner: Any, name: str, look: Callable[..., None]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            outcome = original(*arguments, **named)
            look(arguments[0], outcome, *arguments[1:])
            return outcome

        setattr(owner, name, wrapped)
        self._undo.append(lambda: setattr(owner, name, original))

    def _log(self, _: object, __: object, record: logging.LogRecord) -> None:
        self.look("log-record", f"{logging.Formatter().format(record)} {record.__dict__}")

    def _error(self, error: PhenoextractError, *_: object) -> None:
        self._errors.append(error)  # it is not whole before its own constructor is done

    def _answer(self, _: object, answer: httpx2.Response, *__: object) -> None:
        self.look("headers", answer.headers)
        is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        if is_problem or answer.request.url.path == "/metrics":
            self.look("problem" if is_problem else "metrics", answer.read())

    def _command(self, _: object, result: click.testing.Result, *__: object) -> None:
        self.look("standard-error", result.stderr)

    def _child(self, _: object, outputs: tuple[object, object], *__: object) -> None:
        self.look("standard-error", outputs[1] or "")
