"""The command that tells why words of a letter were coded, or were not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from phenoextract.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(why)


def why(
    file: Annotated[Path, typer.Argument(metavar="LETTER", help="A letter in any form that `extract` reads.")],
    words: Annotated[str, typer.Argument(metavar="WORDS", help="Words of the letter, as they stand there.")],
    index: Annotated[
        Path | None, typer.Option("--index", metavar="DIR", help="Use the index in this folder, not the current one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each place.")] = False,
) -> None:
    r"""Tell why words of a letter were coded, or were not, at each place where they stand.

    \b
    Example:
      phenoextract why letter.docx "struggling with reading"
    """
    from phenoextract import explain, readers
    from phenoextract.pipeline import load

    letters = readers.read_all(file)
    places = [(letter, place) for letter in letters for place in explain.find_words(words, letter.text)]
    if not places:
        raise ConfigError("these words are not in the letter: give them as they stand there")
    extractor = load(index)
    reports = {letter.id: extractor(letter) for letter, _ in places}
    for letter, (start, end) in places:
        found = explain.explain(extractor, letter.text, reports[letter.id], start, end)
        if as_json:
            typer.echo(json.dumps({"id": letter.id} | explain.to_dict(found, reports[letter.id])))
            continue
        typer.echo(f"{letter.id}, {found.start}-{found.end}: {found.outcome}\n  {found.reason}")
        for near in found.nearest:
            typer.echo(f"  near: {near.label} ({near.hpo_id}), by “{near.synonym}”, {near.score:.2f}")
