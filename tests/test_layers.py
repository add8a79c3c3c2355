"""The direction of imports: what each file may know of the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "phenoextract"

# Each layer may import those to its left, and its own neighbours where named in NEIGHBOURS.
LAYERS = [
    {"types", "errors", "rules", "purpose"},
    {"text", "ontology", "reasons", "laboratory"},
    {"index", "encoder", "digits", "measure", "sections", "cues", "spelling", "release_diff", "confidence"},
    {"analogy", "form_answers", "relatives", "likeness", "vocabulary"},
    {"build", "link", "term_search", "normal_findings", "assertion", "report"},
    {"naming"},
    {"scan", "coordination", "abbreviations", "inversion", "omission", "paraphrase"},
    {"recognize"},
    {"pipeline"},
    {"formats", "readers"},
    {"batch", "spacy_component", "explain"},
    {"distributed"},
    {"cli_batch", "cli_ontology", "cli_why", "spark_job"},
    {"cli"},
]
NEIGHBOURS = {("errors", "types"), ("index", "sections"), ("cues", "sections")}
ONLY_IMPORTER = {
    "onnxruntime": "encoder",
    "tokenizers": "encoder",
    "pronto": "build",
    "rapidfuzz": "spelling",
    "docx": "readers",
    "lxml": "readers",
    "pypdf": "readers",
    "pyspark": "distributed",
}
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def module_of(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


SOURCES = [path for path in sorted(LIBRARY.rglob("*.py")) if path.name != "__init__.py" or path.parent != LIBRARY]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_layers_import_downwards_only(path: Path) -> None:
    own = module_of(path)
    known = {name.split(".")[1] for name in imports(path) if name.startswith("phenoextract.")} - {own}
    upwards = {
        other
        for other in known & RANK.keys()
        if RANK[other] > RANK[own] or (RANK[other] == RANK[own] and (own, other) not in NEIGHBOURS)
    }
    assert not upwards


def test_layers_name_every_module() -> None:
    assert {module_of(path) for path in SOURCES} - {"__init__"} == RANK.keys()


@pytest.mark.parametrize(("package", "owner"), ONLY_IMPORTER.items())
def test_layers_give_each_heavy_package_one_importer(package: str, owner: str) -> None:
    importers = {module_of(path) for path in SOURCES if any(name.split(".")[0] == package for name in imports(path))}
    assert importers == {owner}


def test_layers_keep_the_library_clear_of_its_users() -> None:
    above = {"phenoextract_api", "phenoextract_eval"}
    assert {path.name for path in SOURCES if above & {n.split(".")[0] for n in imports(path)}} <= {"cli.py"}
    for package, other in (
        ("eval/phenoextract_eval", "phenoextract_api"),
        ("api/phenoextract_api", "phenoextract_eval"),
    ):
        sources = (ROOT / package).rglob("*.py")
        assert not [path.name for path in sources if any(name.startswith(other) for name in imports(path))]
