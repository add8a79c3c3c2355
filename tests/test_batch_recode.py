from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoextract.batch.affected import take_over
from phenoextract.batch.journal import Summary
from phenoextract.batch.recode import open_earlier
from phenoextract.batch.run import Options, run
from phenoextract.batch.sinks import Form
from phenoextract.batch.sources import open_source
from phenoextract.build import build_index, default_obo, lexicon_path, obo_release
from phenoextract.encoder import Encoder, OnnxEncoder, encoder_path
from phenoextract.errors import ConfigError
from phenoextract.index import Index, load_index
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
    "OFC <0.4th",
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


def thin_out(lexicon: str, chance: random.Random, share: float) -> str:
    """Leave rows of a lexicon out at random."""
    head, *rows = lexicon.splitlines(keepends=True)
    return "".join([head, *(row for row in rows if chance.random() >= share)])


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(encoder_path())


@pytest.fixture(scope="module", params=["by the lexicon alone", "with the encoder", "with words that are soon common"])
def releases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, encoder: OnnxEncoder
) -> Iterator[tuple[list[Index], Encoder | None]]:
    """Give indexes of the toy ontology and of others, each of which differs a little from the one before."""
    folder, obo, lexicon = tmp_path_factory.mktemp("releases"), TOY_OBO.read_text("utf-8"), TOY_LEXICON
    model = None if "alone" in request.param else encoder
    made = []
    for number in range(6):
        (folder / f"{number}.obo").write_text(obo, "utf-8")
        made.append(
            load_index(build_index(folder / f"{number}.obo", folder / str(number), lexicon=lexicon, encoder=model))
        )
        chance = random.Random(number)
        obo = edit(obo, chance, share=0.1)
        lexicon = folder / f"{number}.tsv"
        lexicon.write_text(thin_out(TOY_LEXICON.read_text("utf-8"), chance, share=0.3), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        if "common" in request.param:
            patch.setattr("phenoextract.likeness.COMMON", 3)
            patch.setattr("phenoextract.batch.affected.COMMON", 3)
        yield made, model


def test_recode_leaves_alone_only_what_cannot_change(releases: tuple[list[Index], Encoder | None]) -> None:
    indexes, encoder = releases
    extractors = [Extractor(index, encoder=encoder) for index in indexes]
    takes = [take_over(old, new, encoder) for old, new in pairwise(indexes)]
    names = sorted({name.text for index in indexes for name in index.names})
    words = sorted({word for name in names for word in name.split()})
    piece = st.one_of(st.sampled_from(names), st.sampled_from(words), st.sampled_from(FILLERS), st.text(max_size=5))
    text = st.lists(piece, max_size=8).map(" ".join)
    said = {True: 0, False: 0}

    @settings(max_examples=300)
    @given(st.integers(0, 4), text)
    def check(number: int, text: str) -> None:
        old, new = (extractors[place](Document("d", text)) for place in (number, number + 1))
        taken = takes[number](text, old)
        said[taken is None] += 1
        assert taken is None or replace(taken, provenance=new.provenance) == new

    check()
    assert min(said.values()) > 10, "a judge that always says the same proves nothing"


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
        assert earlier.take_over("He is well.", extractor("He is well.")) is None


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
@pytest.mark.artefacts
@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not here")
@pytest.mark.parametrize("changed", ["terms", "lexicon"])
def test_recode_leaves_alone_only_what_cannot_change_in_real_notes(
    tmp_path: Path, encoder: OnnxEncoder, changed: str
) -> None:
    chance = random.Random(1)
    obo, lexicon = default_obo(), lexicon_path()
    if changed == "terms":
        obo = tmp_path / "new.obo"
        obo.write_text(edit(default_obo().read_text("utf-8"), chance, share=0.01), "utf-8")
        assert obo_release(obo) == obo_release(default_obo())
    else:
        lexicon = tmp_path / "new.tsv"
        lexicon.write_text(thin_out(lexicon_path().read_text("utf-8"), chance, share=0.0015), "utf-8")
    old = load_index()
    new = load_index(build_index(obo, tmp_path / "new", lexicon=lexicon, encoder=encoder))
    take = take_over(old, new, encoder)
    before, after = Extractor(old, encoder=encoder), Extractor(new, encoder=encoder)
    with CORPUS.open() as lines:
        texts = [json.loads(line)["text"] for line in lines][::20]
    again = 0
    for text in texts:
        expected = after(Document("d", text))
        taken = take(text, before(Document("d", text)))
        again += taken is None
        assert taken is None or replace(taken, provenance=expected.provenance) == expected
    assert 5 < again < len(texts) * (1 if changed == "terms" else 1 / 2)
