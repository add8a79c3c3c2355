"""Running the app: one process, or several forked from one that has loaded the model, so that they share its memory."""

from __future__ import annotations

import gc
import math
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from fastapi import FastAPI
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from phenoextract.errors import ConfigError
from phenoextract_api import logs, startup
from phenoextract_api.settings import Settings

_BACKLOG = 2048


def run(settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until told to stop; `announce` is called with the address before.

    SIGTERM and SIGINT end it: no new request is taken, open ones have `shutdown_seconds` to finish. Raises ConfigError
    for an address that cannot be had or should not be, and what starting the app raises.
    """
    startup.refuse_if_anyone_could_enter(settings)
    if settings.workers > 1:  # before the metrics are made
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="phenoextract-metrics-"))
    from phenoextract_api.app import create_app

    listening = _listen(settings)
    app = create_app(settings)
    if settings.keeps_store:
        startup.open_configured_store(settings).close()  # a fault of the store is said here, not in a worker process
    gc.collect()
    gc.freeze()  # what every worker process shares need not be walked, and so copied, by its collector
    host, port = listening.getsockname()[:2]
    announce(settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}")
    logs.configure(settings.log_level)
    if settings.workers == 1:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        uvicorn.Server(config).run(sockets=[listening])
    else:
        _Prefork(app, settings, listening).run()


class Worker(UvicornWorker):  # type: ignore[misc]  # the package has no types
    """A process that answers requests, started again by the first process if it dies or falls silent."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "access_log": False,
        "server_header": False,
        # say each second that the worker lives: uvicorn counts the seconds by a clock that may be set back, and the
        # first process would kill the silent worker in the middle of its work
        "timeout_notify": -math.inf,
    }


class _QuietLogger(Logger):
    """Leaves where logs go and in which form to `logs.configure`."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True


class _Prefork(BaseApplication):
    def __init__(self, app: FastAPI, settings: Settings, listening: socket.socket) -> None:
        self._app = app
        self._settings = settings
        self._listening = listening
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"fd://{self._listening.fileno()}",
            "workers": self._settings.workers,
            "worker_class": Worker,
            "preload_app": True,
            "graceful_timeout": self._settings.shutdown_seconds,
            "logger_class": _QuietLogger,
            "control_socket_disable": True,
            "post_worker_init": lambda _: logs.configure(self._settings.log_level),  # the worker's class has undone it
            "child_exit": _forget_metrics,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> FastAPI:
        return self._app


def _forget_metrics(_: object, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {reason}; --port takes another") from None
