"""Loading an index: what is wrong is named, with the command that mends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from phenoextract import index
from phenoextract.errors import ArtefactCorrupt, ArtefactError, ArtefactMismatch, ArtefactMissing
from phenoextract.index import FILES, Index, load_index, manifest_digest, read_manifest, set_current, word_hash
from phenoextract.types import Scope


@pytest.fixture
def copy(toy_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_path, tmp_path / "copy"))


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_index_loads_terms_names_and_keys(toy_index: Index) -> None:
    ontology = toy_index.ontology
    seizure = ontology["HP:0001250"]
    assert (seizure.label, seizure.parents) == ("Seizure", ("HP:0000707",))
    assert ("Convulsion", Scope.BROAD, "layperson") in [(s.text, s.scope, s.type) for s in seizure.synonyms]
    key = word_hash("short") + word_hash("4th") + word_hash("metacarpal")
    assert {toy_index.names[place].hpo_id for place in toy_index.strict[key]} == {"HP:0010044"}
    assert toy_index.words["metacarpal"] == 3


def test_index_hashes_words_alike_on_every_machine() -> None:
    assert word_hash("seizure") == 0xB83EF535F4E6AE9
    assert word_hash("seizure") < 2**60


def test_index_digest_stands_for_every_file(copy: Path) -> None:
    manifest = read_manifest(copy)
    before = manifest_digest(manifest)
    assert load_index(copy).digest == before
    rewrite(copy, built_by="phenoextract 0.0.0")
    assert manifest_digest(read_manifest(copy)) != before


def assert_mends(error: ArtefactError, path: Path) -> None:
    assert error.path.startswith(str(path))
    assert error.mend.startswith("phenoextract build-index")
    for part in (error.path, error.expected, error.found, error.mend):
        assert part in str(error)


@pytest.mark.parametrize("made", [True, False])
def test_index_that_is_not_there_is_missing(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    with pytest.raises(ArtefactMissing) as raised:
        load_index(folder)
    assert_mends(raised.value, folder)


@pytest.mark.parametrize("name", FILES)
def test_index_without_one_of_its_files_is_corrupt(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtefactCorrupt, match=name) as raised:
        load_index(copy)
    assert_mends(raised.value, copy)


@pytest.mark.parametrize("name", FILES)
def test_index_with_a_changed_byte_is_corrupt(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ArtefactCorrupt, match=name) as raised:
        load_index(copy)
    assert_mends(raised.value, copy)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xff", b'{"format": 1'])
def test_index_with_an_unreadable_manifest_is_corrupt(copy: Path, data: bytes) -> None:
    (copy / "manifest.json").write_bytes(data)
    with pytest.raises(ArtefactCorrupt, match=r"manifest\.json") as raised:
        load_index(copy)
    assert_mends(raised.value, copy)


@pytest.mark.parametrize("found", [0, index.FORMAT + 1, "1", None])
def test_index_of_another_format_is_a_mismatch(copy: Path, found: object) -> None:
    rewrite(copy, format=found)
    with pytest.raises(ArtefactMismatch, match=f"format {index.FORMAT}.*format {found}") as raised:
        load_index(copy)
    assert_mends(raised.value, copy)


@pytest.mark.parametrize("data", ["[]", "7", "null"])
def test_index_with_a_foreign_manifest_is_a_mismatch(copy: Path, data: str) -> None:
    (copy / "manifest.json").write_text(data)
    with pytest.raises(ArtefactMismatch):
        load_index(copy)


def test_index_with_unknown_fields_is_corrupt(copy: Path) -> None:
    rewrite(copy, colour="blue")
    with pytest.raises(ArtefactCorrupt):
        load_index(copy)


def test_index_is_found_by_the_pointer_to_the_current_one(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "artefacts_dir", lambda: tmp_path)
    with pytest.raises(ArtefactMissing) as raised:
        load_index()
    assert_mends(raised.value, tmp_path)
    set_current(copy)
    assert load_index().ontology.release == "2000-01-01"
    assert index.index_path("2001-01-01") == tmp_path / "hp-2001-01-01"
    shutil.rmtree(copy)
    with pytest.raises(ArtefactMissing):
        load_index()
