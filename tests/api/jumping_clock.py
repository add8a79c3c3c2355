"""The clock of a process under test: the machine's, and as many seconds more or less as a file says."""

from __future__ import annotations

import sys
import time
from datetime import datetime, tzinfo
from pathlib import Path

_machine_time = time.time


def follow(file: Path) -> None:
    """Let the service, and the libraries that ask `time.time`, see the clock of a file; monotonic clocks stay.

    Modules of the service that are imported later see the machine's clock.
    """

    def jumping_time() -> float:
        return _machine_time() + float(file.read_text("ascii"))

    class JumpingDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(jumping_time(), tz)

    time.time = jumping_time
    for name, module in list(sys.modules.items()):
        if name.startswith("phenoextract_api.") and getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", JumpingDatetime)  # noqa: B010
