"""Phrases as vectors whose cosine says how alike in meaning they are; the only importer of onnxruntime.

The model is a static one: a phrase's vector is the sum of one learned vector a word piece. It reads no order and no
context; in exchange it encodes tens of thousands of phrases a second on one core, and the vectors of words add up to
that of their phrase (models/encoder/MODEL_CARD.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from phenoextract.errors import ArtefactCorrupt, ArtefactMissing

_MEND = "pip install --force-reinstall phenoextract (in a checkout: git checkout models/encoder), or use --no-encoder"
_MAX_PIECES = 32  # word pieces of a phrase that are read
_BATCH = 1024
_PADDING = 0  # the piece that adds nothing


class Encoder(Protocol):
    """What turns phrases into vectors; `digest` names the model in provenance."""

    digest: str

    def encode(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Give an array of (phrases, dimensions), to be compared by cosine."""
        ...


class OnnxEncoder:
    """The model of a folder with model.onnx, tokenizer.json and config.json, run on one core."""

    def __init__(self, folder: Path) -> None:
        self.digest = _verify(folder)
        from onnxruntime import InferenceSession, SessionOptions
        from tokenizers import Tokenizer

        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the cores are shared out among processes
        options.log_severity_level = 3
        self._session = InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MAX_PIECES)
        self._whole = {word: piece for word, piece in self._tokenizer.get_vocab().items() if word.isalnum()}

    def encode(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Give an array of (phrases, dimensions), to be compared by cosine; a phrase without a known piece is zero."""
        found = []
        for start in range(0, len(phrases), _BATCH):
            read = list(map(self._pieces, phrases[start : start + _BATCH]))
            pieces = np.array([*zip_longest(*read, fillvalue=_PADDING)], np.int64).T.reshape(len(read), -1)
            found.append(self._session.run(None, {"pieces": pieces})[0])
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)

    def _pieces(self, phrase: str) -> Sequence[int]:
        """Give the word pieces of a phrase: one alone, as the tokenizer may take every core for several."""
        whole = self._whole.get(phrase)
        return self._tokenizer.encode(phrase, add_special_tokens=False).ids if whole is None else (whole,)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return scaled


def encoder_path() -> Path:
    """Give the model's folder: inside the installed package, or models/encoder of a checkout."""
    installed = Path(__file__).parent / "_encoder"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "models" / "encoder"


def encoder_digest(folder: Path) -> str:
    """Give the digest of a model without loading it; raises ArtefactMissing where there is none."""
    try:
        return hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    except OSError:
        raise ArtefactMissing(str(folder), expected="an encoder", found="none", mend=_MEND) from None


def _verify(folder: Path) -> str:
    """Check every file against config.json; raises ArtefactMissing or ArtefactCorrupt."""
    digest = encoder_digest(folder)
    try:
        files: dict[str, str] = json.loads((folder / "config.json").read_text("utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        raise ArtefactCorrupt(
            str(folder / "config.json"), expected="digests of files", found="none", mend=_MEND
        ) from None
    for name, expected in files.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            raise ArtefactMissing(
                str(folder / name), expected="a file of the encoder", found="none", mend=_MEND
            ) from None
        if found != expected:
            raise ArtefactCorrupt(
                str(folder / name), expected=f"sha256 {expected[:12]}", found=f"sha256 {found[:12]}", mend=_MEND
            )
    return digest
