"""The locked requirements against what pyproject.toml allows, and against what is installed here."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
LOCKED_EXTRAS = {"all": tuple(EXTRAS), "dev": ("dev",), "service": ("api", "postgres")}
PYTHONS = ("3.11", "3.12")
LOCKS = list(LOCKED_EXTRAS)


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Give each line of a lock with its digests."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.partition("--hash")[0]), re.findall(r"--hash=(\S+)", line)) for line in lines]


def locked(lock: str, python: str) -> dict[str, Version]:
    """Give the version of each package that a lock installs on a Python, on Linux."""
    versions: dict[str, Version] = {}
    for requirement, _ in entries(lock):
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} is locked twice"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            versions[name] = Version(pin.version)
    return versions


def environment(python: str) -> dict[str, str]:
    return {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "extra": ""}


def asked(extras: tuple[str, ...]) -> Iterator[Requirement]:
    """Give what pyproject.toml asks for, for building and for some extras with those that they include."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
    waiting = list(extras)
    while waiting:
        for line in EXTRAS[waiting.pop()]:
            own = Requirement(line)
            if own.name == "phenoextract":
                waiting += own.extras
            else:
                lines.append(line)
    return (Requirement(line) for line in lines)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_requirements_are_locked_as_the_project_asks(lock: str, python: str) -> None:
    versions = locked(lock, python)
    for requirement in asked(LOCKED_EXTRAS[lock]):
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement} is not locked: make lock"
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, not {version}: make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_requirements_are_locked_by_digest_and_name_no_index(lock: str) -> None:
    for requirement, digests in entries(lock):
        assert digests, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in digests), requirement
        assert requirement.url is None
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    assert "://" not in text
    assert not re.search("^-", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_are_the_same_in_every_lock(python: str) -> None:
    everything = locked("all", python)
    for lock in LOCKS:
        assert locked(lock, python).items() <= everything.items()


def test_requirements_lock_what_builds_the_package() -> None:
    build = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependency-groups"]["build"]}
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["build-system"]["requires"]} <= build


def test_requirements_installed_here_are_the_locked_ones() -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    differing = {}
    for name, version in locked("all", python).items():
        try:
            found = Version(importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue  # of the extras that are not installed
        if found != version:
            differing[name] = (found, version)
    assert not differing, "install what is locked: make clean, then make"
