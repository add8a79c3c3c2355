"""The rules a clinician can read and change, as TOML files, and their common digest."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any


@cache
def load_rules(name: str) -> dict[str, Any]:
    """Read `rules/<name>.toml`; the result is shared, so callers must not change it."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def rules_digest() -> str:
    """Give the sha256 over all rule files, in name order."""
    digest = hashlib.sha256()
    for rule_file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if rule_file.name.endswith(".toml"):
            digest.update(rule_file.name.encode() + b"\0" + rule_file.read_bytes())
    return digest.hexdigest()
