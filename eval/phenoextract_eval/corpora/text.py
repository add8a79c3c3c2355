"""Bytes of a corpus file to text."""

from __future__ import annotations

from pathlib import Path

from phenoextract_eval.gold import Kind, Problem


def decoded(path: Path, problems: list[Problem]) -> str:
    """Decode a file as UTF-8, line by line as Windows-1252 where that fails, and report each such line.

    Line ends are kept as they are, for offsets count them.
    """
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(_line(line, number, problems) for number, line in enumerate(raw.splitlines(keepends=True), 1))


def _line(line: bytes, number: int, problems: list[Problem]) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(Problem(Kind.ENCODING, "", number))
        return line.decode("cp1252", errors="replace")
