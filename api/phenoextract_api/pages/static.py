"""The style sheets and the script of the pages, which browsers may keep because their addresses change with them."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "static"


class StaticPages(StaticFiles):
    """Serves the folder of static files."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Give a file that need not be asked for again."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@lru_cache
def static_url(name: str) -> str | None:
    """Give the address of a static file, with a digest that changes with it; None if there is no such file."""
    path = FOLDER / name
    if not path.is_file():
        return None
    return f"/static/{name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
