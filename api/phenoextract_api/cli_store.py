"""The commands that look after the store and its audit. Heavy modules are imported inside them."""

from __future__ import annotations

import sys
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from phenoextract_api.store.engine import Store
    from phenoextract_api.store.retention import Erased

TAMPERED = 1


class AuditFormat(StrEnum):
    """The forms in which the audit is written."""

    FHIR = "fhir"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    store = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after the store of test requests.")
    store.command("new-key")(new_key)
    store.command("migrate")(migrate)
    store.command("purge")(purge)
    store.command("delete")(delete)
    store.command("backup")(backup)
    store.command("encrypt-again")(encrypt_again)
    app.add_typer(store, name="store")
    audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check the audit and hand it over.")
    audit.command("verify")(verify)
    audit.command("export")(export)
    app.add_typer(audit, name="audit")


def new_key() -> None:
    """Print a new encryption key, for PHENOEXTRACT_ENCRYPTION_KEY."""
    from phenoextract_api.store import crypto

    typer.echo(crypto.new_key())


def migrate() -> None:
    """Bring the tables of the store up to date; SQLite needs no such command."""
    from phenoextract_api.settings import read_settings
    from phenoextract_api.store import engine

    database = engine.connect(read_settings().store_url)
    try:
        engine.migrate(database)
    finally:
        database.dispose()
    typer.echo("the store is up to date")


def purge(
    days: Annotated[
        int | None, typer.Option(min=1, help="Days without a change; without, PHENOEXTRACT_RETENTION_DAYS.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be erased.")] = False,
) -> None:
    """Erase requests older than the days of retention, with their letters, and prove that they are gone."""
    from phenoextract_api.auth import local_actor
    from phenoextract_api.settings import read_settings
    from phenoextract_api.store import retention

    days = days or read_settings().retention_days
    with configured_store() as store:
        if dry_run:
            typer.echo(f"{len(retention.expired_requests(store, days))} requests are older than {days} days")
        else:
            _say_erased(retention.purge(store, days, actor=local_actor().name))


def delete(
    request_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Requests to erase.")] = None,
    patient: Annotated[
        bool, typer.Option("--patient", help="Erase every request of a patient; asks for the reference.")
    ] = False,
) -> None:
    """Erase requests for good, with their letters, and prove that they are gone."""
    from phenoextract.errors import ConfigError
    from phenoextract_api.auth import local_actor
    from phenoextract_api.store import retention

    if bool(request_ids) == patient:
        raise ConfigError("name requests, or give --patient")
    with configured_store() as store:
        if patient:
            request_ids = retention.requests_of_patient(store, typer.prompt("Patient reference", err=True).strip())
        _say_erased(retention.erase(store, local_actor().name, request_ids or [], "delete"))


def backup(path: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Copy an SQLite store while the service runs; keep its encryption key elsewhere."""
    from phenoextract_api.store import backup

    with configured_store() as store:
        backup.backup(store, path)
    typer.echo(f"copied to {path}")


def encrypt_again() -> None:
    """Encrypt everything under the first of the keys, so that the others can go."""
    from phenoextract_api.auth import local_actor
    from phenoextract_api.store import rotation

    with configured_store() as store:
        count = rotation.encrypt_again(store, actor=local_actor().name)
    typer.echo(f"{count} fields encrypted again; the keys after the first are not needed any more")


def verify(
    anchor: Annotated[
        str | None, typer.Option(metavar="COUNT:HASH", help="An end noted earlier, which must still be there.")
    ] = None,
) -> None:
    """Recompute the whole audit; exit 1 and name every fault if an entry was changed, removed, moved or put in.

    Note the end that it prints outside the store: given as --anchor later, it also finds a store put back in time.
    """
    from phenoextract_api.store import audit

    with configured_store() as store:
        found = audit.verify(store, anchor=anchor)
    for fault in found.faults:
        typer.echo(fault, err=True)
    if found.faults:
        raise typer.Exit(TAMPERED)
    typer.echo(f"{found.entries} entries, whole; the end is {found.anchor}")


def export(
    form: Annotated[AuditFormat, typer.Option("--format", "-f", help="FHIR resources or plain entries.")] = (
        AuditFormat.FHIR
    ),
    request_id: Annotated[str | None, typer.Option("--request", metavar="ID", help="Only this request.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to the screen.")
    ] = None,
) -> None:
    """Write the audit, one JSON object a line: FHIR AuditEvent and Provenance, or the entries as they are."""
    from phenoextract.formats.fhir import ndjson
    from phenoextract_api.audit_export import to_fhir, to_json
    from phenoextract_api.store import audit

    with configured_store() as store, store.reading() as session:
        entries = audit.entries(session, request_id)
        lines = (to_json(one) + "\n" if form is AuditFormat.JSON else ndjson(to_fhir(one)) for one in entries)
        if out is None:
            sys.stdout.writelines(lines)
        else:
            with out.open("w", encoding="ascii", newline="\n") as file:
                file.writelines(lines)


def _say_erased(erased: Erased) -> None:
    typer.echo(
        f"erased {erased.requests} requests, {erased.versions} versions and {erased.decisions} decisions; "
        "looked for them again and found none"
    )


def configured_store() -> closing[Store]:
    """Open the store of this process's settings, for the time of a command."""
    from phenoextract_api.settings import read_settings
    from phenoextract_api.startup import open_configured_store

    return closing(open_configured_store(read_settings()))
