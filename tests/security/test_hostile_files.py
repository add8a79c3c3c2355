"""Files made to exhaust, to escape or to fetch: a typed error in bounded time and memory, and nothing is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from phenoextract import readers
from phenoextract.readers.docx import MAX_MARKUP_BYTES
from tests.fuzz import hostile

SECONDS, MEMORY = 30, 1 << 30
# the reader in a process that ends when it takes more processor time or memory, or touches network or file system
READING = f"""
import resource, sys
from pathlib import Path
from phenoextract import readers
from phenoextract.errors import DocumentError
import docx, lxml.etree, pypdf
import phenoextract.readers.docx, phenoextract.readers.pdf, phenoextract.readers.fhir, phenoextract.readers.hl7v2
readers.documents(Path(sys.argv[1] + ".sound").read_bytes(), "upload")
data = Path(sys.argv[1]).read_bytes()
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {MEMORY}, used + {MEMORY}))
spent = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1
resource.setrlimit(resource.RLIMIT_CPU, (spent + {SECONDS}, spent + {SECONDS}))
def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.rename")) or event == "open" and arguments[1] != "r":
        if not (event == "open" and str(arguments[0]).endswith(".py")):
            sys.stderr.write(event)
            sys.exit(3)
sys.addaudithook(refuse)
try:
    made = readers.documents(data, "upload")
    sys.stdout.write("read " + str(sum(len(one.text) for one in made)))
except DocumentError as error:
    sys.stdout.write(error.code)
"""


def _read(tmp_path: Path, data: bytes) -> str:
    """Read a file in such a process, and give the error's code or how long the text is."""
    (tmp_path / "letter").write_bytes(data)
    (tmp_path / "letter.sound").write_bytes(b"sound")
    command = [sys.executable, "-c", READING, str(tmp_path / "letter")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (hostile.zip_bomb, "too_long"),
        (hostile.lying_zip_bomb, "unreadable"),
        (hostile.markup_at_the_limit, "read"),
        (hostile.billion_laughs, "unreadable"),
        (hostile.deep_docx, "unreadable"),
        (hostile.pdf_bomb, "unreadable"),
        (hostile.pdf_of_nested_forms, "too_long"),
        (hostile.pdf_of_one_page_again_and_again, "too_long"),
        (hostile.pdf_of_operators, "too_long"),
        (hostile.deep_json, "malformed"),
        (hostile.deep_html, "malformed"),
        (hostile.long_html, "malformed"),
        (hostile.hl7v2_of_escapes, "read"),
    ],
)
def test_hostile_file_ends_in_bounded_time_and_memory(tmp_path: Path, make: Callable[[], bytes], outcome: str) -> None:
    assert _read(tmp_path, make()).split()[0] == outcome


def test_hostile_zip_slips_nowhere(tmp_path: Path) -> None:
    outside = f"{tmp_path.name}-slipped"
    assert _read(tmp_path, hostile.slipping_zip(outside)) in {"read 42", "unreadable"}
    assert not [path for path in (Path("/"), tmp_path, *tmp_path.parents) if (path / outside).exists()]


def test_hostile_reading_would_be_seen_to_touch_the_network(tmp_path: Path) -> None:
    """The process that reads the others would end at what they must not do."""
    (tmp_path / "letter").write_bytes(b"x")
    (tmp_path / "letter.sound").write_bytes(b"x")
    attempt = READING.replace("try:\n", "import socket\nsocket.socket().connect(('127.0.0.1', 9))\ntry:\n", 1)
    done = subprocess.run([sys.executable, "-c", attempt, str(tmp_path / "letter")], capture_output=True, check=False)
    assert (done.returncode, done.stderr[:7]) == (3, b"socket.")


def test_hostile_pictures_do_not_count_as_markup() -> None:
    photograph = b"\xff\xd8\xff\xe0" + b"\0" * (MAX_MARKUP_BYTES + 1)
    assert "No seizures" in readers.from_bytes(hostile.docx_with("word/media/image1.jpeg", photograph), "a.docx").text
