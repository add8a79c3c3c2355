from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract.batch.journal import Summary
from phenoextract.batch.recode import can_change, open_earlier
from phenoextract.batch.run import Options, run
from phenoextract.batch.sinks import Form
from phenoextract.batch.sources import open_source
from phenoextract.build import build_index, default_obo, obo_release
from phenoextract.errors import ConfigError
from phenoextract.index import load_index
from phenoextract.pipeline import Extractor
from phenoextract.types import Document

TOY_OBO = Path(__file__).parents[1] / "ontologies" / "toy.obo"
TOY_LEXICON = Path(__file__).parent / "data" / "toy_lexicon.tsv"
CORPUS = Path(__file__).parents[2] / "shared" / "corpora" / "mtsamples.jsonl"
NOTES = {
    "squint": "He has a squint.",
    "palate": "No cleft palate, but strabismus.",
    "drooping": "There are drooping lids and ptosis.",
    "typo": "She has macrocephally.",
    "walk": "Macrocephaly. Ataxia.",
    "nothing": "He is well.",
}
FILLERS = [
    "the",
    "no",
    "mother",
    "has",
    "and",
    ",",
    ".",
    "MOUTH:",
    "normal",
    "2-3",
    "second",
    "toe",
    "severe",
    "weight",
]


def edit(obo: str, chance: random.Random, share: float) -> str:
    """Change an ontology at random: terms gone or moved, labels and synonyms gone or new."""
    head, *terms = obo.split("\n[Term]\n")
    parents = set(re.findall(r"^(?:is_a|replaced_by): (HP:\d+)", obo, re.MULTILINE))
    edited = []
    for term in terms:
        hpo_id = term[4:14]
        if chance.random() < share and "is_a: " in term:
            match chance.randrange(4):
                case 0 if hpo_id not in parents:
                    continue
                case 1:
                    term = re.sub(r"^synonym: .*\n", "", term, count=1, flags=re.MULTILINE)
                case 2:
                    term = re.sub(r"^name: (.*)$", r"name: \1 appearance", term, count=1, flags=re.MULTILINE)
                case _:
                    words = " ".join(chance.sample(re.findall(r"[a-z]{4,}", obo), 2))
                    term = re.sub(r"^is_a: ", f'synonym: "{words}" EXACT []\nis_a: ', term, count=1, flags=re.MULTILINE)
        edited.append(term)
    return "\n[Term]\n".join([head, *edited])


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Extractor]:
    """Give extractors of the toy ontology and of others, each of which differs a little from the one before."""
    folder, obo = tmp_path_factory.mktemp("releases"), TOY_OBO.read_text("utf-8")
    made = []
    for number in range(6):
        (folder / f"{number}.obo").write_text(obo, "utf-8")
        path = build_index(folder / f"{number}.obo", folder / str(number), lexicon=TOY_LEXICON)
        made.append(Extractor(load_index(path)))
        obo = edit(obo, random.Random(number), share=0.1)
    return made


def test_recode_leaves_alone_only_what_cannot_change(releases: list[Extractor], tmp_path_factory: Any) -> None:
    folder = sorted(tmp_path_factory.getbasetemp().glob("releases*"))[-1]
    indexes = [load_index(folder / str(number)) for number in range(6)]
    judges = [can_change(old, new) for old, new in pairwise(indexes)]
    words = sorted({word for index in indexes for name in index.names for word in name.text.split()})
    text = st.lists(st.one_of(st.sampled_from(words), st.sampled_from(FILLERS), st.text(max_size=5)), max_size=12)
    said = {True: 0, False: 0}

    @given(st.integers(0, 4), text.map(" ".join))
    def check(number: int, text: str) -> None:
        changeable = judges[number](text)
        said[changeable] += 1
        if not changeable:
            old, new = (releases[place](Document("d", text)) for place in (number, number + 1))
            assert replace(old, provenance=new.provenance) == new

    check()
    assert min(said.values()) > 5, "a judge that always says the same proves nothing"


def changed_toy(folder: Path) -> Path:
    """Build a release in which squint is called otherwise, macrocephaly moved, and ataxia replaced."""
    obo = TOY_OBO.read_text("utf-8").replace("2000-01-01", "2001-01-01")
    obo = obo.replace("name: Ataxia\n", "name: obsolete Ataxia\nis_obsolete: true\nreplaced_by: HP:9100001\n")
    obo = obo.replace("is_a: HP:0001251", "is_a: HP:9100001")
    obo = obo.replace('synonym: "Squint" EXACT layperson []\n', "")
    obo = obo.replace(
        'synonym: "Drooping upper eyelid"', 'synonym: "Drooping lids" EXACT []\nsynonym: "Drooping upper eyelid"'
    )
    obo += '\n[Term]\nid: HP:9100001\nname: Unsteadiness\nsynonym: "Ataxia" EXACT []\nis_a: HP:0000707\n'
    (folder / "new.obo").write_text(obo, "utf-8")
    return build_index(folder / "new.obo", folder / "new", lexicon=TOY_LEXICON)


def code(extractor: Extractor, folder: Path, out: str, **more: Any) -> Summary:
    return run(extractor, open_source(folder / "in.jsonl"), folder / out, Form.JSONL, Options(workers=1), **more)


def test_recode_gives_what_a_full_run_gives_and_says_what_changed(toy_path: Path, tmp_path: Path) -> None:
    notes = [*NOTES.items(), ("copy", NOTES["walk"])]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in notes))
    old, new_path = Extractor(load_index(toy_path)), changed_toy(tmp_path)
    new = Extractor(load_index(new_path))
    code(old, tmp_path, "old.jsonl")
    code(new, tmp_path, "full.jsonl")
    earlier = open_earlier(tmp_path / "old.jsonl", new.provenance, new.ontology, new_path, toy_path)
    summary = code(new, tmp_path, "again.jsonl", earlier=earlier)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "full.jsonl").read_bytes()
    assert summary.reused >= 2
    assert summary.changed == 3
    changes = [json.loads(line) for line in (tmp_path / "again.jsonl.changes.jsonl").read_text().splitlines()]
    strabismus = {"hpo_id": "HP:0000486", "label": "Strabismus", "status": "present"}
    migrated = {"from": "HP:0001251", "hpo_id": "HP:9100001", "label": "Unsteadiness", "status": "present"}
    found = {change.pop("id"): change for change in changes}
    assert found["squint"] == {"added": [], "removed": [strabismus], "migrated": []}
    assert found["walk"] == found["copy"] == {"added": [], "removed": [], "migrated": [migrated]}
    assert found.keys() == {"squint", "walk", "copy"}


@pytest.mark.parametrize("form", [Form.JSONL, Form.PARQUET])
def test_recode_with_the_same_index_takes_everything_over(toy_path: Path, tmp_path: Path, form: Form) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in NOTES.items()))
    extractor = Extractor(load_index(toy_path))
    old = tmp_path / f"old.{form}"
    run(extractor, open_source(tmp_path / "in.jsonl"), old, form, Options(workers=1))
    earlier = open_earlier(old, extractor.provenance, extractor.ontology, toy_path, None)
    with (tmp_path / "in.jsonl").open("a") as lines:
        lines.write('{"id": "new", "text": "Ptosis, seizures."}\n')
    summary = code(extractor, tmp_path, "again.jsonl", earlier=earlier)
    assert (summary.documents, summary.reused, summary.changed) == (len(NOTES) + 1, len(NOTES), 0)
    assert (tmp_path / "again.jsonl.changes.jsonl").read_bytes() == b""


def test_recode_codes_everything_again_for_other_rules(toy_path: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "He is well."}\n')
    extractor = Extractor(load_index(toy_path))
    code(extractor, tmp_path, "old.jsonl")
    for changed in ({"rules_sha256": "0"}, {"config_sha256": "0"}, {"encoder_sha256": "0"}, {"version": "0"}):
        provenance = replace(extractor.provenance, **changed)
        earlier = open_earlier(tmp_path / "old.jsonl", provenance, extractor.ontology, toy_path, None)
        assert earlier.can_change("He is well.")


def test_recode_says_what_is_missing(toy_path: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "Ptosis."}\n')
    old, new_path = Extractor(load_index(toy_path)), changed_toy(tmp_path)
    new = Extractor(load_index(new_path))
    code(old, tmp_path, "old.jsonl")
    for path in (tmp_path / "none", new_path):
        with pytest.raises(ConfigError, match=r"the index of the earlier run \(HPO 2000-01-01.*--old-index"):
            open_earlier(tmp_path / "old.jsonl", new.provenance, new.ontology, new_path, path)
    (tmp_path / "odd.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(ConfigError, match="not a report"):
        open_earlier(tmp_path / "odd.jsonl", new.provenance, new.ontology, new_path, toy_path)
    (tmp_path / "odd.csv").write_text("doc_id\n")
    with pytest.raises(ConfigError, match="JSON lines or Parquet"):
        open_earlier(tmp_path / "odd.csv", new.provenance, new.ontology, new_path, toy_path)


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not here")
def test_recode_leaves_alone_only_what_cannot_change_in_real_notes(tmp_path: Path) -> None:
    obo = default_obo().read_text("utf-8")
    (tmp_path / "new.obo").write_text(edit(obo, random.Random(1), share=0.01), "utf-8")
    assert obo_release(tmp_path / "new.obo") == obo_release(default_obo())
    indexes = [
        load_index(build_index(source, tmp_path / name))
        for name, source in (("old", default_obo()), ("new", tmp_path / "new.obo"))
    ]
    judge = can_change(*indexes)
    old, new = map(Extractor, indexes)
    with CORPUS.open() as lines:
        texts = [json.loads(line)["text"] for line in lines][::10]
    alone = [text for text in texts if not judge(text)]
    assert len(alone) > 5
    for text in alone:
        before, after = (extractor(Document("d", text)) for extractor in (old, new))
        assert replace(before, provenance=after.provenance) == after
