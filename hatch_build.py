"""Takes the style sheet of the NHS.UK frontend from npm when the package is built or installed from a checkout.

Without npm, or where npm finds no registry, the pages are plain.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "node_modules/nhsuk-frontend/dist/nhsuk"
TARGET = "api/phenoextract_api/static/nhsuk"
_FONT_FACE = re.compile(r"@font-face\{[^}]*\}")


class StyleSheetHook(BuildHookInterface):
    """Puts the style sheet and the pictures it names into the folder of static files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run npm and copy, before the files of the package are gathered."""
        root = Path(self.root)
        npm = shutil.which("npm")
        if not (root / SOURCE).is_dir() and npm:
            subprocess.run([npm, "ci", "--ignore-scripts"], cwd=root, check=False, capture_output=True)  # noqa: S603
        if (root / SOURCE).is_dir():
            copy(root / SOURCE, root / TARGET)
        else:
            self.app.display_warning("nhsuk-frontend could not be had from npm: the review page will be plain")


def copy(source: Path, target: Path) -> None:
    """Copy the style sheet without its fonts, which lie on another host and belong to the NHS, and its pictures."""
    style = _FONT_FACE.sub("", (source / "nhsuk-frontend.min.css").read_text("utf-8"))
    style = re.sub(r"\n?/\*# sourceMappingURL=.*?\*/", "", style)
    target.mkdir(parents=True, exist_ok=True)
    for picture in set(re.findall(r"url\(/assets/images/([\w-]+\.svg)\)", style)):
        shutil.copy(source / "assets" / "images" / picture, target / picture)
    (target / "nhsuk-frontend.min.css").write_text(style.replace("url(/assets/images/", "url("), "utf-8")
