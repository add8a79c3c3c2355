"""Who is asking, and what they may do."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from phenoextract_api.problems import Problem
from phenoextract_api.settings import Settings, is_loopback

_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Role(StrEnum):
    """What an actor may do; an admin may not confirm unless also a clerk."""

    CLERK = "clerk"
    PIPELINE = "pipeline"
    RESEARCHER = "researcher"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a name for the audit, and roles."""

    name: str
    roles: frozenset[Role]


def roles_named(names: Iterable[object]) -> frozenset[Role]:
    """Give the roles among some names; others are left out."""
    given = [name for name in names if isinstance(name, str)]
    return frozenset(role for role in Role if role.value in given)


@lru_cache(maxsize=1)
def local_actor() -> Actor:
    """Give the user of this machine, who has every role."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        name = "local"
    return Actor(name, frozenset(Role))


def is_local(request: Request, settings: Settings) -> bool:
    """Tell whether a request was made on this machine to a service that only this machine can reach.

    A request that a proxy forwarded does not count, nor one that names another host (DNS rebinding).
    """
    return (
        settings.open_to_this_machine
        and request.client is not None
        and is_loopback(request.client.host)
        and is_loopback(request.url.hostname or "")
        and not any(name in request.headers for name in _FORWARDING)
    )


def current_actor(request: Request) -> Actor:
    """Give who is asking; a route's class has found out before (admission.py)."""
    actor: Actor = request.state.actor
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]


def require(*roles: Role) -> Callable[[Actor], Actor]:
    """Make a dependency that gives who is asking if they have one of the roles, and else raises Problem 403."""

    def check(actor: CurrentActor) -> Actor:
        if actor.roles.isdisjoint(roles):
            raise Problem(403, "not_permitted", f"this needs the role {' or '.join(roles)}")
        return actor

    return check
