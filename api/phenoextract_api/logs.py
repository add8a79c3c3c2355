"""Logs as one JSON object a line, without anything that a caller sent.

Only what this package and its server say is written out: another library may put a letter into its messages. Of an
exception the type and the place are logged, not its message.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from phenoextract.errors import describe_fault

_SPEAKERS = ("phenoextract", "uvicorn", "gunicorn")


class JsonLines(logging.Formatter):
    """Formats a record as a line of JSON; `extra={"fields": {...}}` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without a line end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.partition(".")[0] in _SPEAKERS:
            line["message"] = record.getMessage().strip()
        line |= getattr(record, "fields", {})
        if record.exc_info and isinstance(record.exc_info[1], Exception):
            line["fault"] = describe_fault(record.exc_info[1])
        return json.dumps(line)


def configure(level: str) -> None:
    """Send every log of this process to standard error in this form; other libraries from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _SPEAKERS]:
        speaker = logging.getLogger(name)
        speaker.handlers.clear()
        speaker.propagate = True
        speaker.setLevel(logging.NOTSET)
    for name in _SPEAKERS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger("uvicorn.access").propagate = False  # it writes addresses, which may hold words of a letter
