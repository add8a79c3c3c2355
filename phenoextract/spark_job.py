"""The command that a cluster runs: a folder of Parquet in, a folder of Parquet out.

Exit codes as on the command line: 0 done; 1 a document failed or an id is not its own, and the others were done;
2 a setting, file or index that cannot be.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import typer

from phenoextract.errors import PhenoextractError
from phenoextract.purpose import INTENDED_PURPOSE


def main() -> None:
    """Code a folder of notes; the same command again goes on where the last one ended."""
    parser = argparse.ArgumentParser(prog="phenoextract-spark", description=main.__doc__, epilog=INTENDED_PURPOSE)
    parser.add_argument("source", help="folder of Parquet files, one row a note, at any address Spark reads")
    parser.add_argument("out", help="folder for the coded notes")
    parser.add_argument("--text-column", default="text", metavar="NAME")
    parser.add_argument("--id-column", default="id", metavar="NAME")
    parser.add_argument("--index", type=Path, metavar="DIR", help="index on every node, if not the installed one")
    parser.add_argument("--files", type=int, default=1000, metavar="N", help="files a step (default 1000)")
    parser.add_argument("--tasks", type=int, metavar="N", help="pieces of a step (default four for each core)")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS", help="for a document (default 60)")
    given = parser.parse_args()
    try:
        from phenoextract import distributed

        summary = distributed.run(**vars(given))
    except PhenoextractError as error:
        typer.echo(f"phenoextract: {error}", err=True)
        sys.exit(2)
    failed = {code: count for code, count in summary.rows.items() if code is not None}
    typer.echo(f"{summary.rows.total()} documents, {sum(failed.values())} failed")
    for code, count in sorted(failed.items()):
        typer.echo(f"  {code}: {count}")
    if summary.repeated_ids:
        typer.echo(f"{summary.repeated_ids} ids stand on more than one row")
    if failed or summary.repeated_ids:
        sys.exit(1)
