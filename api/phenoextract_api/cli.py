"""The commands of the service. Heavy modules are imported inside them, so that help answers at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from phenoextract_api import cli_monitor, cli_store

_ROLES = "clerk, pipeline, researcher or admin"


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("serve")(serve)
    keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list, replace and end API keys.")
    keys.command("create")(create_key)
    keys.command("list")(list_keys)
    keys.command("rotate")(rotate_key)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="keys")
    cli_store.register(app)
    cli_monitor.register(app)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without PHENOEXTRACT_HOST, 127.0.0.1.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; without PHENOEXTRACT_PORT, 8000; 0 takes a free one.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; without PHENOEXTRACT_WORKERS, 1. They share one model.", show_default=False),
    ] = None,
) -> None:
    r"""Serve the review page and the API until Ctrl+C.

    Settings are environment variables, in docs/service.md. Listening beyond this machine needs a way in: an API key
    (phenoextract keys create) or OpenID Connect.

    \b
    Examples:
      phenoextract serve
      phenoextract serve --host 0.0.0.0 --port 8443 --workers 2
    """
    from phenoextract_api.serve import run
    from phenoextract_api.settings import read_settings

    given = {"host": host, "port": port, "workers": workers}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    run(settings, announce=lambda url: typer.echo(f"phenoextract serves on {url} (Ctrl+C stops it)", err=True))


def create_key(
    name: Annotated[str, typer.Option(help="Who or what will use it; the audit names it.")],
    role: Annotated[list[str], typer.Option(help=f"What it may do: {_ROLES}. Can be given more than once.")],
    days: Annotated[int | None, typer.Option(min=1, help="Days until it ends; without, it does not.")] = None,
) -> None:
    """Make an API key and show it, once."""
    from phenoextract.errors import ConfigError
    from phenoextract_api.auth import local_actor, roles_named
    from phenoextract_api.store.keys import make_key

    roles = roles_named(role)
    if len(roles) < len(set(role)):
        raise ConfigError(f"a role is {_ROLES}")
    until = datetime.now(UTC) + timedelta(days=days) if days else None
    with cli_store.configured_store() as store:
        key, text = make_key(store, local_actor().name, name, roles, expires_at=until)
    typer.echo(f"key {key.id}; keep this, it is not shown again:", err=True)
    typer.echo(text)


def list_keys() -> None:
    """List the keys that were ever made; what they are cannot be shown."""
    from phenoextract_api.store import keys

    with cli_store.configured_store() as store:
        for key in keys.list_keys(store):
            state = "valid" if key.is_valid(datetime.now(UTC)) else "revoked" if key.revoked_at else "expired"
            until = f", until {key.expires_at:%Y-%m-%d}" if key.expires_at else ""
            typer.echo(f"{key.id}  {state}{until}  {key.name}  {' '.join(sorted(key.roles))}")


def rotate_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key to replace.")],
    hours: Annotated[int, typer.Option(min=0, help="Hours for which the old key still holds.")] = 24,
) -> None:
    """Make a key in the place of another, which ends after some hours."""
    from phenoextract_api.auth import local_actor
    from phenoextract_api.store import keys

    with cli_store.configured_store() as store:
        key, text = keys.rotate_key(store, local_actor().name, key_id, overlap=timedelta(hours=hours))
    typer.echo(f"key {key.id}; keep this, it is not shown again:", err=True)
    typer.echo(text)


def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key to end.")]) -> None:
    """End a key, at once."""
    from phenoextract_api.auth import local_actor
    from phenoextract_api.store import keys

    with cli_store.configured_store() as store:
        keys.revoke_key(store, local_actor().name, key_id)
