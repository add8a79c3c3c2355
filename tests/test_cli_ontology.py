from __future__ import annotations

import io
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from phenoextract import index
from phenoextract.cli import app

HEADER = """format-version: 1.2
data-version: hp/releases/{release}/hp.obo
ontology: hp

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000118
name: Phenotypic abnormality
is_a: HP:0000001 ! All
"""
OLD = (
    HEADER.format(release="2024-01-01")
    + """
[Term]
id: HP:0001250
name: Seizures
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000508
name: Ptosis
is_a: HP:0000118 ! Phenotypic abnormality
"""
)
NEW = (
    HEADER.format(release="2025-01-01")
    + """
[Term]
id: HP:0001250
name: Seizure
synonym: "Seizures" EXACT []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000508
name: obsolete Ptosis
is_obsolete: true
replaced_by: HP:0000999

[Term]
id: HP:0000999
name: Drooping eyelid
is_a: HP:0000118 ! Phenotypic abnormality
"""
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return _write(tmp_path / "old.obo", OLD)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return _write(tmp_path / "new.obo", NEW)


@pytest.fixture(autouse=True)
def artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "artefacts"
    for module in ("index", "build"):
        monkeypatch.setattr(f"phenoextract.{module}.artefacts_dir", lambda: root)
    return root


def _write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_build_index_builds_once_and_again_when_needed(old: Path, artefacts: Path) -> None:
    path = artefacts / "hp-2024-01-01"
    assert _run("build-index", "--obo", old).stdout == f"built {path}\n"
    assert index.index_path() == path
    assert _run("build-index", "--obo", old).stdout == f"{path} is up to date\n"
    assert _run("build-index", "--obo", old, "--force").stdout == f"built {path}\n"
    (path / "names.json").write_text("damaged")
    assert _run("build-index", "--obo", old).stdout == f"built {path}\n"
    _write(old, OLD.replace("Ptosis", "Ptosis of the eyelid"))
    assert _run("build-index", "--obo", old).stdout == f"built {path}\n"


def test_build_index_elsewhere_leaves_the_current_one_alone(old: Path, new: Path, tmp_path: Path) -> None:
    _run("build-index", "--obo", old)
    result = _run("build-index", "--obo", new, "--out", tmp_path / "mine")
    assert result.exit_code == 0
    assert index.index_path().name == "hp-2024-01-01"
    assert index.load_index(tmp_path / "mine").ontology.release == "2025-01-01"


def test_ontology_update_from_a_file_keeps_the_old_release(old: Path, new: Path, artefacts: Path) -> None:
    _run("build-index", "--obo", old)
    result = _run("ontology", "update", "--file", new)
    assert result.stdout.splitlines() == [
        f"HPO 2025-01-01 is now the current release: {artefacts / 'hp-2025-01-01'}",
        "HPO 2024-01-01 -> 2025-01-01: 1 added, 1 retired (1 with a successor), 1 relabelled, 0 moved, 1 new synonyms",
    ]
    assert index.index_path().name == "hp-2025-01-01"
    assert (artefacts / "hp-2024-01-01").is_dir()


class _Response(io.BytesIO):
    def __init__(self, url: str, content: bytes) -> None:
        super().__init__(content)
        self.url = url


def test_ontology_update_from_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: _Response(url, NEW.encode()))
    assert "HPO 2025-01-01 is now" in _run("ontology", "update", "--url", "https://example.org/hp.obo").stdout


def test_ontology_update_refuses_an_address_that_leaves_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: _Response("http://example.org/hp.obo", b""))
    assert _run("ontology", "update", "--url", "https://example.org/hp.obo").exit_code == 2


def test_ontology_update_says_why_an_address_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str, timeout: float) -> Any:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    result = _run("ontology", "update", "--url", "https://example.org/hp.obo")
    assert result.exit_code == 2
    assert result.stderr == "phenoextract: https://example.org/hp.obo: no route\n"


def test_ontology_update_refuses_what_is_no_release(tmp_path: Path) -> None:
    assert _run("ontology", "update", "--file", _write(tmp_path / "no.obo", "not an ontology")).exit_code == 2


def test_ontology_diff_lists_changes(old: Path, new: Path, tmp_path: Path) -> None:
    _run("build-index", "--obo", old)
    _run("build-index", "--obo", new, "--out", tmp_path / "mine")
    lines = _run("ontology", "diff", "2024-01-01", tmp_path / "mine").stdout.splitlines()
    assert lines[1:] == [
        "added\tHP:0000999\tDrooping eyelid",
        "retired\tHP:0000508\tPtosis -> HP:0000999 Drooping eyelid",
        "relabelled\tHP:0001250\tSeizures -> Seizure",
    ]


def test_ontology_diff_for_codes_in_use(old: Path, new: Path, tmp_path: Path) -> None:
    _run("build-index", "--obo", old)
    _run("build-index", "--obo", new)
    codes = _write(tmp_path / "codes.csv", "patient,code\n1,HP:0000508\n2,HP:0001250\n3,HP:0000508\n4,HP:7654321\n")
    result = _run("ontology", "diff", "2024-01-01", "2025-01-01", "--codes", codes)
    assert result.stdout.splitlines() == [
        "HP:0000508\treplaced\tHP:0000999\tuse HP:0000999 Drooping eyelid",
        "HP:0001250\trelabelled\tHP:0001250\tSeizures -> Seizure",
        "HP:7654321\tunknown in both releases\t\t",
    ]


def test_info_names_every_version_and_digest(old: Path) -> None:
    _run("build-index", "--obo", old)
    facts = _run("info").stdout
    for name in (
        "hpo_release: 2024-01-01",
        "index_sha256",
        "lexicon_sha256",
        "rules_sha256",
        "config_sha256",
        "tokenizers",
    ):
        assert name in facts
