"""Everything works where there is no network, and nothing tries to use one.

A copy of the product's features runs in a network namespace that has a loopback and no way out of it, where the kernel
counts whatever any process tries to send elsewhere; and an audit hook in every Python process says who tried. Where the
system allows no such namespace, the hook watches alone.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from phenoextract.cli import app

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEXT = "Dear Dr A,\nHe has a cleft palate. No seizures. ?Scoliosis.\nHis mother has ptosis.\n"
pytestmark = pytest.mark.slow


@functools.cache
def can_cut_off() -> bool:
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def cut_off(folder: Path, *program: str) -> tuple[subprocess.CompletedProcess[str], list[str], int]:
    """Run Python without a network, and give what became of it, whom it tried to reach, and the kernel's count."""
    witness, counted = folder / "attempts", folder / "counted"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHENOEXTRACT_")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(HERE / "network_witness"), str(ROOT)])}
    environment |= {"NETWORK_WITNESS": str(witness), "HOME": str(folder)}
    inside = f'ip link set lo up; "$@"; ended=$?; cat /proc/net/snmp /proc/net/snmp6 > {counted}; exit $ended'
    before = ["unshare", "-rn", "sh", "-c", inside, "sh"] if can_cut_off() else []
    command = [*before, sys.executable, *program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    attempts = witness.read_text("utf-8").splitlines() if witness.exists() else []
    return done, attempts, _without_route(counted.read_text()) if counted.exists() else 0


def _without_route(counters: str) -> int:
    """Give how often the kernel had no way for what was sent: OutNoRoutes of IPv4 and IPv6."""
    names, values = (line.split() for line in counters.splitlines() if line.startswith("Ip: "))
    (six,) = (line.split()[1] for line in counters.splitlines() if line.startswith("Ip6OutNoRoutes"))
    return int(values[names.index("OutNoRoutes")]) + int(six)


def test_network_is_neither_needed_nor_tried_by_any_feature(tmp_path: Path, toy_path: Path) -> None:
    done, attempts, counted = cut_off(tmp_path, str(HERE / "test_no_network.py"), str(toy_path))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (attempts, counted) == ([], 0)
    assert len(done.stdout.split()) >= 25, "features that ran"


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "import socket; socket.create_connection(('192.0.2.1', 80), 5)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        "'import urllib.request as u; u.urlopen(\"http://192.0.2.1/\", timeout=5)'], check=True)",
    ],
    ids=["datagram", "connection", "child process"],
)
def test_network_attempt_is_seen(tmp_path: Path, attempt: str) -> None:
    done, attempts, counted = cut_off(tmp_path, "-c", attempt)
    assert attempts and "192.0.2.1" in attempts[0]
    if can_cut_off():
        assert counted > 0
        assert done.returncode != 0


def test_network_attempt_of_no_python_is_counted(tmp_path: Path) -> None:
    if not can_cut_off():
        pytest.skip("the system allows no network namespace")
    program = "import os; os.system('bash -c \"echo x > /dev/udp/192.0.2.1/9\"')"
    _, attempts, counted = cut_off(tmp_path, "-c", program)
    assert (attempts, counted > 0) == ([], True)


def every_feature(index: str) -> Iterator[str]:
    """Use each feature once, in a folder of its own, and give its name when it has worked."""
    Path("letter.txt").write_text(TEXT, "utf-8")
    Path("notes.jsonl").write_text(json.dumps({"id": "a", "text": TEXT}) + "\n", "utf-8")
    Path("notes.csv").write_text('id,text\na,"He has ptosis."\n', "utf-8")
    from tests.fuzz import hostile, targets

    Path("letter.docx").write_bytes(hostile.docx_with("word/document.xml", hostile.docx_part("word/document.xml")))
    Path("letter.pdf").write_bytes(hostile.pdf(b"BT /F 12 Tf 72 720 Td (He has ptosis.) Tj ET"))
    for number, seed in enumerate(targets.seeds("messages")):
        if seed[0] < 2:
            Path(f"message{number}.{('json', 'hl7')[seed[0]]}").write_bytes(seed[1:])
    letters = [str(path) for pattern in ("letter.*", "message*") for path in sorted(Path().glob(pattern))]
    for form in ("terminal", "json", "csv", "phenopacket", "fhir", "phenotips", "exomiser", "lirical", "omop"):
        yield _command(form, "extract", *letters, "-f", form, "--index", index)
    yield _command("html", "extract", "letter.txt", "--html", "page.html", "--evidence", "masked", "--index", index)
    yield _command("info", "info", "--index", index)
    for out in ("out.jsonl", "out.parquet", "out.csv"):
        yield _command(out, "batch", "notes.jsonl", "--out", out, "--workers", "2", "--index", index)
    yield _command("csv-batch", "batch", "notes.csv", "--out", "rows.jsonl", "--workers", "1", "--index", index)
    obo = str(ROOT / "ontologies" / "toy.obo")
    yield _command("build-index", "build-index", "--obo", obo, "--out", "built", "--no-encoder")
    yield from _library(index)
    yield from _service(index)


def _command(name: str, *arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exit_code:
        raise SystemExit(f"{name}: {done.exit_code} {done.output[-1000:]}")
    return name


def _library(index: str) -> Iterator[str]:
    import spacy

    import phenoextract
    from phenoextract.term_search import TermSearch

    extractor = phenoextract.load(Path(index))
    assert extractor(TEXT).features
    yield "library"
    assert TermSearch(extractor.ontology, extractor.names)("ptosis")
    yield "term-search"
    nlp = spacy.blank("en")
    nlp.add_pipe("phenoextract", config={"index": index})
    assert nlp("He has ptosis.").spans["phenoextract"]
    yield "spacy"


def _service(index: str) -> Iterator[str]:
    """Run the service with two worker processes, and use API and pages as a program and a browser do."""
    environment = os.environ | {"PHENOEXTRACT_INDEX": index, "PHENOEXTRACT_DATA_DIR": "data"}
    program = str(Path(sys.executable).with_name("phenoextract"))
    command = [program, "serve", "--port", "8799", "--workers", "2"]
    with Path("log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            with httpx2.Client(base_url="http://127.0.0.1:8799", timeout=60, follow_redirects=True) as client:
                _wait(client, server)
                for address in (
                    "/",
                    "/ready",
                    "/metrics",
                    "/v1/version",
                    "/v1/terms?q=ptosis",
                    "/static/review.css",
                    "/about",
                ):
                    assert client.get(address).is_success, address
                    yield f"GET{address}"
                client.cookies.clear()  # of the browser, whose forms need a token
                assert client.post("/v1/annotate", json={"text": TEXT}).json()["features"]
                yield "annotate"
                for name in ("letter.docx", "letter.pdf"):
                    sent = client.post("/v1/annotate/file", files={"file": (name, Path(name).read_bytes())})
                    assert sent.is_success, name
                    yield name
                made = client.post(
                    "/v1/requests",
                    json={"text": TEXT, "patient_ref": "P-1", "test": {"code": "R29.1", "system": SYSTEM}},
                )
                assert made.status_code == 201, made.text
                yield "request"
        finally:
            server.terminate()
            server.wait(60)


SYSTEM = "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory"


def _wait(client: httpx2.Client, server: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        try:
            if client.get("/ready").is_success:
                return
        except httpx2.TransportError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the server did not start: {Path('log').read_text()[-1000:]}")


if __name__ == "__main__":
    for used in every_feature(sys.argv[1]):
        sys.stdout.write(f"{used}\n")
        sys.stdout.flush()
