"""What the documents for governance claim: the tests they name exist, and the facts they give are so."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path

import pytest

from phenoextract.encoder import OnnxEncoder
from phenoextract.purpose import INTENDED_PURPOSE

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["docs/transparency-record.md", *(f"docs/privacy/{name}.md" for name in ("data_flow", "dpia", "dtac"))]
ENCODER = ROOT / "models" / "encoder"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_tests_that_exist(name: str) -> None:
    claims = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / name).read_text("utf-8"))
    assert len(claims) > 5
    missing = [
        f"{path}::{test}"
        for path, test in claims
        if test
        not in {
            node.name for node in ast.parse((ROOT / path).read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
        }
    ]
    assert missing == []


@pytest.mark.parametrize("name", [*DOCUMENTS[:1], *DOCUMENTS[2:], "docs/safety/safety_case_template.md"])
def test_documents_mark_what_the_organisation_must_say(name: str) -> None:
    assert (ROOT / name).read_text("utf-8").count("[TO COMPLETE") >= 8


def test_documents_say_the_purpose_in_its_own_words() -> None:
    for name in ("docs/transparency-record.md", "docs/privacy/dtac.md"):
        assert INTENDED_PURPOSE in " ".join((ROOT / name).read_text("utf-8").split())


def test_the_model_card_describes_the_model_that_is_there() -> None:
    card = (ENCODER / "MODEL_CARD.md").read_text("utf-8")
    config = json.loads((ENCODER / "config.json").read_text("utf-8"))
    for name, digest in config["files"].items():
        assert hashlib.sha256((ENCODER / name).read_bytes()).hexdigest() == digest
    pieces = len(json.loads((ENCODER / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    assert f"for each of {round(pieces, -3):,} word pieces" in card
    megabytes = {name: (ENCODER / name).stat().st_size / 1e6 for name in config["files"]}
    assert f"{megabytes['model.onnx']:.1f} MB, and {megabytes['tokenizer.json']:.1f} MB of tokenizer" in card
    assert f"a vector of {config['dimensions']} numbers" in card
    assert f"--steps {config['steps']} --seed {config['seed']}" in card
    assert f"HPO {config['hpo_release']}" in card


def test_the_model_card_is_right_that_word_order_is_not_read() -> None:
    one, other = OnnxEncoder(ENCODER).encode(["no pain in the chest", "pain, no chest in the"])
    assert float(one @ other) / float((one @ one) ** 0.5 * (other @ other) ** 0.5) > 0.95
