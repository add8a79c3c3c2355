"""The commands that build indexes and compare HPO releases."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenoextract.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from phenoextract.ontology import Ontology
    from phenoextract.release_diff import ReleaseDiff

ontology = typer.Typer(no_args_is_help=True, help="Update the Human Phenotype Ontology and compare releases.")
_HPO_ID = re.compile(r"HP:\d{7}")
_TIMEOUT_SECONDS = 60


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("build-index")(build_index)
    app.add_typer(ontology, name="ontology")


def build_index(
    obo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An hp.obo; without it, the one that comes with the package.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write there; without it, build the index used by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build even if the index is whole and up to date.")] = False,
    no_encoder: Annotated[
        bool, typer.Option("--no-encoder", help="Leave the vectors out: coding goes by the lexicon alone.")
    ] = False,
) -> None:
    r"""Compile the ontology and our lexicon into the index that coding needs.

    \b
    Examples:
      phenoextract build-index
      phenoextract build-index --obo hp.obo --out indexes/mine
    """
    from phenoextract import build, encoder, index

    obo = obo or build.default_obo()
    path = out or index.index_path(build.obo_release(obo))
    model = None if no_encoder else encoder.OnnxEncoder(encoder.encoder_path())
    if force or not _is_up_to_date(path, obo, model.digest if model else None):
        with _progress() as progress:
            path = build.build_index(obo, path, encoder=model, progress=progress)
        typer.echo(f"built {path}")
    else:
        typer.echo(f"{path} is up to date")
    if out is None:
        index.set_current(path)


@ontology.command()
def update(
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A newer hp.obo on this machine.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to fetch it from, by https.")] = None,
) -> None:
    r"""Build an index from a newer hp.obo beside the old one, make it the current one, and say what changed.

    \b
    Examples:
      phenoextract ontology update --file hp.obo
      phenoextract ontology update --url https://purl.obolibrary.org/obo/hp.obo
    """
    from phenoextract import build, encoder, index, release_diff

    if (file is None) == (url is None):
        raise ConfigError("give either --file or --url")
    try:
        before = index.load_index().ontology
    except ArtefactError:
        before = None
    with tempfile.TemporaryDirectory() as folder:
        obo = file or _download(url or "", Path(folder) / "hp.obo")
        with _progress() as progress:
            path = build.build_release(obo, encoder=encoder.OnnxEncoder(encoder.encoder_path()), progress=progress)
    after = index.load_index(path).ontology
    typer.echo(f"HPO {after.release} is now the current release: {path}")
    if before:
        typer.echo(_summary(release_diff.diff(before, after)))


@ontology.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A release that was built (2025-01-16) or an index folder.")],
    new: Annotated[str, typer.Argument(metavar="B", help="The release or folder to compare it with.")],
    codes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only say what changes for the HPO ids in this file.")
    ] = None,
) -> None:
    r"""Say what changes between two HPO releases, one tab-separated line a change.

    \b
    Example:
      phenoextract ontology diff 2024-04-26 2025-01-16 --codes our_codes.csv
    """
    from phenoextract import release_diff

    before, after = _load(old), _load(new)
    if codes is None:
        found = release_diff.diff(before, after)
        typer.echo("\n".join([_summary(found), *_listing(found, before, after)]))
        return
    listed = dict.fromkeys(_HPO_ID.findall(codes.read_text("utf-8", errors="replace")))
    for change in release_diff.changes(listed, before, after):
        typer.echo("\t".join((change.code, change.change, change.current or "", change.detail)))


def _load(release_or_folder: str) -> Ontology:
    from phenoextract import index

    folder = Path(release_or_folder)
    return index.load_index(folder if folder.is_dir() else index.index_path(release_or_folder)).ontology


def _summary(found: ReleaseDiff) -> str:
    successors = sum(successor is not None for successor in found.retired.values())
    return (
        f"HPO {found.old} -> {found.new}: {len(found.added)} added, {len(found.retired)} retired "
        f"({successors} with a successor), {len(found.relabelled)} relabelled, {len(found.moved)} moved, "
        f"{found.new_synonyms} new synonyms"
    )


def _listing(found: ReleaseDiff, before: Ontology, after: Ontology) -> Iterator[str]:
    for code in found.added:
        yield f"added\t{code}\t{after.label(code)}"
    for code, successor in found.retired.items():
        replacement = f"{successor} {after.label(successor)}" if successor else "no successor"
        yield f"retired\t{code}\t{before.label(code)} -> {replacement}"
    for code, (was, now) in found.relabelled.items():
        yield f"relabelled\t{code}\t{was} -> {now}"
    for code, (parents, new_parents) in found.moved.items():
        yield f"moved\t{code}\t{', '.join(parents)} -> {', '.join(new_parents)}"


def _is_up_to_date(path: Path, obo: Path, encoder_sha256: str | None) -> bool:
    from phenoextract import build, index, rules

    try:
        manifest = index.load_index(path).manifest
    except ArtefactError:
        return False
    built_from = (manifest.source_sha256, manifest.lexicon_sha256, manifest.rules_sha256, manifest.encoder_sha256)
    return built_from == (_digest(obo), _digest(build.lexicon_path()), rules.rules_digest(), encoder_sha256)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, target: Path) -> Path:
    if not url.startswith("https://"):
        raise ConfigError("--url must start with https://")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, target.open("wb") as file:  # noqa: S310
            if not response.url.startswith("https://"):
                raise ConfigError("--url leads to an address without https")
            shutil.copyfileobj(response, file)
    except urllib.error.URLError as error:
        raise ConfigError(f"{url}: {error.reason}") from None
    return target


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Give a callback that moves a bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("")
        yield lambda step, steps, what: bar.update(task, completed=step, total=steps, description=what)
