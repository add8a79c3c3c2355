"""The public names of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import phenoextract

SOURCE = Path(phenoextract.__file__)


def test_exports_are_what_the_package_imports() -> None:
    imported = {
        alias.asname or alias.name
        for node in ast.parse(SOURCE.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(phenoextract.__all__)
    assert list(phenoextract.__all__) == sorted(phenoextract.__all__)


def test_exports_all_exist_and_say_what_they_are() -> None:
    for name in phenoextract.__all__:
        assert getattr(phenoextract, name).__doc__, name


def test_exports_load_nothing_that_only_some_users_need() -> None:
    late = ["docx", "pandas", "pronto", "pypdf", "rich", "scispacy", "spacy", "spellchecker", "typer"]
    script = f"import sys, phenoextract; print(sorted(set({late}) & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
