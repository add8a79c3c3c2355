"""The shipped phrase encoder, and what happens when it is damaged or is not the index's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from phenoextract import pipeline
from phenoextract.encoder import OnnxEncoder, encoder_digest, encoder_path, unit
from phenoextract.errors import ArtefactCorrupt, ArtefactMismatch, ArtefactMissing


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(encoder_path())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoder_path(), tmp_path / "encoder"))


def cosine(encoder: OnnxEncoder, one: str, other: str) -> float:
    first, second = unit(encoder.encode([one, other]))
    return float(first @ second)


def test_the_vectors_of_words_add_up_to_their_phrase(encoder: OnnxEncoder) -> None:
    phrase, *words = encoder.encode(["short broad thumbs", "short", "broad", "thumbs"])
    np.testing.assert_allclose(phrase, np.sum(words, axis=0), rtol=1e-4)


def test_a_phrase_has_the_same_vector_in_every_batch(encoder: OnnxEncoder) -> None:
    alone = encoder.encode(["cleft palate"])[0]
    among = encoder.encode(["a much longer phrase about something else altogether", "cleft palate", ""])
    np.testing.assert_allclose(among[1], alone, rtol=1e-5)
    assert not among[2].any()
    assert encoder.encode([]).shape[0] == 0


def test_a_word_that_is_one_piece_has_the_vector_that_the_tokenizer_gives_it(encoder: OnnxEncoder) -> None:
    words = ["ptosis", "short", "4", "pharyngocutaneous", "x"]
    looked_up, tokenised = encoder.encode(words), encoder.encode([word + " " for word in words])
    np.testing.assert_array_equal(looked_up, tokenised)


def test_phrases_of_one_meaning_are_more_alike_than_others(encoder: OnnxEncoder) -> None:
    assert cosine(encoder, "tiny thorax", "small thorax") > cosine(encoder, "tiny thorax", "large thorax")
    assert cosine(encoder, "thyroid function", "abnormal thyroid function") < 0.92


def test_a_damaged_model_is_refused(copy: Path) -> None:
    model = copy / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ArtefactCorrupt, match=r"model\.onnx.*--no-encoder"):
        OnnxEncoder(copy)


def test_an_unreadable_configuration_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(ArtefactCorrupt, match=r"config\.json"):
        OnnxEncoder(copy)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtefactMissing):
        OnnxEncoder(copy)


@pytest.mark.artefacts
def test_a_model_that_is_not_the_index_s_own_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = copy / "config.json"
    config.write_text(config.read_text().replace('"seed": 0', '"seed": 1'))
    assert encoder_digest(copy) != encoder_digest(encoder_path())
    monkeypatch.setattr(pipeline, "encoder_path", lambda: copy)
    with pytest.raises(ArtefactMismatch, match="build-index --force"):
        pipeline.load()
    assert pipeline.load(config=pipeline.ExtractConfig(encoder=False)).provenance.encoder_sha256 is None


@pytest.mark.artefacts
def test_a_missing_vector_file_is_named(tmp_path: Path) -> None:
    from phenoextract.index import index_path

    folder = Path(shutil.copytree(index_path(), tmp_path / "index"))
    (folder / "vectors.npy").unlink()
    with pytest.raises(ArtefactCorrupt, match=r"vectors\.npy.*build-index --force"):
        pipeline.load(folder)
