from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from phenoextract.cli import app

CANARY = "Zebedee Quatermass"
STREAM = {"Content-Type": "application/x-ndjson"}
PATIENCE = 60  # seconds, for a machine that is busy with other tests
STOPPED = (0, -signal.SIGTERM)
PHENOEXTRACT = str(Path(sys.executable).with_name("phenoextract"))


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHENOEXTRACT_")}
    environment |= {f"PHENOEXTRACT_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run([PHENOEXTRACT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_serve_works_at_once_and_stops_when_told(serve: Any) -> None:
    with serve() as server:
        assert httpx2.get(f"{server.url}/ready", timeout=PATIENCE).json() == {"status": "ready"}
        page = httpx2.get(server.url, follow_redirects=True, timeout=PATIENCE)
        assert page.status_code == 200
        assert "text/html" in page.headers["content-type"]
        assert server.stop() in STOPPED
    assert f"serves on {server.url}" in server.logged()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_shows_a_canary_nowhere(serve: Any, workers: str) -> None:
    """Send a name in every wrong place; it may come back in a report and nowhere else."""
    with (
        serve(workers=workers, log_level="debug", max_text_chars="1000") as server,
        httpx2.Client(base_url=server.url, timeout=PATIENCE) as client,
    ):
        wrong: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/v1/annotate", {"json": {"text": f"{CANARY} has ptosis."}}),
            ("POST", "/v1/annotate", {"json": {"text": CANARY * 100}}),
            ("POST", "/v1/annotate", {"json": {"id": CANARY * 20, "text": CANARY}}),
            ("POST", "/v1/annotate", {"json": {CANARY: CANARY}}),
            ("POST", "/v1/annotate", {"content": CANARY}),
            ("POST", "/v1/annotate", {"content": CANARY, "headers": {"Content-Type": "application/json"}}),
            ("POST", "/v1/annotate", {"content": CANARY, "headers": {"Content-Type": f"text/{CANARY}"}}),
            ("POST", "/v1/annotate/file", {"files": {"file": (f"{CANARY}.pdf", CANARY)}}),
            ("POST", "/v1/annotate/file", {"files": {CANARY: (f"{CANARY}.txt", CANARY)}}),
            ("POST", "/v1/annotate/stream", {"content": f'{{"id": "1", "text": "{CANARY}', "headers": STREAM}),
            ("POST", "/v1/fhir/annotate", {"json": {"resourceType": "Patient", "name": [{"family": CANARY}]}}),
            ("POST", "/v1/fhir/annotate", {"json": {"resourceType": CANARY}}),
            (
                "POST",
                "/v1/hl7v2/annotate",
                {"content": f"MSH|^~\\&|{CANARY}", "headers": {"Content-Type": "text/plain"}},
            ),
            ("POST", "/v1/requests", {"json": {"text": CANARY, "patient_ref": CANARY}}),
            ("POST", "/v1/requests", {"json": {"text": CANARY, "patient_ref": "P-1", "test": {"code": CANARY}}}),
            ("GET", f"/v1/requests/{CANARY}", {}),
            ("GET", f"/v1/terms/{CANARY}", {}),
            ("GET", "/v1/terms", {"params": {"limit": CANARY, "q": CANARY}}),
            ("GET", f"/{CANARY}", {}),
            ("GET", f"/letters/{CANARY}", {"headers": {"Accept": "text/html"}}),
            ("POST", "/letters", {"data": {"text": CANARY}, "headers": {"Accept": "text/html"}}),
            (CANARY.split()[0].upper(), "/v1/annotate", {}),
            ("GET", "/v1/version", {"headers": {"Authorization": f"Bearer {CANARY}"}}),
            ("GET", "/v1/version", {"headers": {"Cookie": f"phenoextract={CANARY}", "User-Agent": CANARY}}),
            ("POST", "/sign-in", {"data": {"key": CANARY, "next": "/"}}),
        ]
        failed = 0
        for method, address, sent in wrong:
            answer = client.request(method, address, **sent)
            failed += answer.is_client_error
            assert answer.status_code < 500, (method, address)
            if answer.is_client_error:
                assert CANARY.split()[0] not in answer.text, (method, address)
            assert CANARY.split()[0] not in str(answer.headers), (method, address)
        assert failed > 15
        assert CANARY.split()[0] not in client.get("/metrics").text
        server.stop()
    logged = server.logged()
    assert CANARY.split()[0].lower() not in logged.lower()
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    answered = [line for line in lines if line["logger"] == "phenoextract.access"]
    assert len(answered) > len(wrong)
    assert {"/v1/annotate", "/v1/terms/{hpo_id}"} <= {line["route"] for line in answered}


def test_serve_shares_work_and_metrics_between_processes(serve: Any) -> None:
    with serve("--workers", "2") as server:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client, ThreadPoolExecutor(8) as threads:
            answers = threads.map(
                lambda number: client.post("/v1/annotate", json={"id": str(number), "text": "Ptosis"}), range(60)
            )
            assert sorted(int(answer.json()["id"]) for answer in answers) == list(range(60))
        coded = re.search(
            r'phenoextract_letters_total\{outcome="coded"\} (\d+)',
            httpx2.get(f"{server.url}/metrics", timeout=PATIENCE).text,
        )
        assert coded
        assert coded.group(1) == "60.0".partition(".")[0]
        assert server.stop() in STOPPED


def test_serve_finishes_what_it_has_begun(serve: Any) -> None:
    letters = "".join(json.dumps({"id": str(n), "text": "Ptosis. " * 400}) + "\n" for n in range(60))
    with serve() as server, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(
            httpx2.post, f"{server.url}/v1/annotate/stream", content=letters, headers=STREAM, timeout=PATIENCE
        )
        time.sleep(0.3)
        assert server.stop() in STOPPED
        assert len(answer.result().text.splitlines()) == 60


def test_serve_stops_work_for_a_caller_who_has_gone(serve: Any) -> None:
    line = json.dumps({"id": "1", "text": "Ptosis. " * 400}).encode() + b"\n"
    head = b"POST /v1/annotate/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
    with serve() as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            body = line * 500
            caller.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:200_000])
            assert caller.recv(100).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            metrics = httpx2.get(f"{server.url}/metrics", timeout=PATIENCE).text
            if "phenoextract_letters_waiting 0.0" in metrics and '/annotate/stream"' in metrics:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the work went on")
        coded = re.search(r'letters_total\{outcome="coded"\} (\d+)', metrics)
        assert coded is None or int(coded.group(1)) < 200


def test_serve_waits_with_the_caller(serve: Any) -> None:
    """A caller who sends and does not read is not read from either: memory stays as it is."""
    line = json.dumps({"id": "1", "text": "Ptosis. " * 100}).encode() + b"\n"
    head = b"POST /v1/annotate/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
    with serve() as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.settimeout(5)
            caller.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = f"{len(line):x}\r\n".encode() + line + b"\r\n"
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 200_000_000:
                    caller.sendall(chunk * 100)
                    sent += 100 * len(chunk)
            assert httpx2.get(f"{server.url}/live", timeout=PATIENCE).status_code == 200


def test_serve_refuses_to_let_everybody_in(tmp_path: Path, toy_path: Path) -> None:
    beyond = ("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    refused = command(*beyond, data_dir=str(tmp_path), index=str(toy_path))
    assert refused.returncode == 2
    assert "keys create" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_serve_says_what_is_missing(tmp_path: Path, toy_path: Path) -> None:
    missing = command("serve", data_dir=str(tmp_path), index=str(tmp_path / "nothing"))
    assert (missing.returncode, "build-index" in missing.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = command("serve", "--port", port, data_dir=str(tmp_path), index=str(toy_path))
    assert (busy.returncode, "--port" in busy.stderr) == (2, True)


def test_keys_are_made_listed_replaced_and_ended(tmp_path: Path) -> None:
    def keys(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["keys", *arguments], env={"PHENOEXTRACT_DATA_DIR": str(tmp_path)})

    made = keys("create", "--name", "lab", "--role", "pipeline", "--role", "researcher", "--days", "30")
    assert made.exit_code == 0
    key = made.stdout.strip()
    key_id = key.split("_")[1]
    listed = keys("list").stdout
    assert re.search(rf"{key_id}  valid, until \d{{4}}-\d\d-\d\d  lab  pipeline researcher", listed)
    assert key not in listed
    assert keys("rotate", key_id).stdout.strip() != key
    assert keys("revoke", key_id).exit_code == 0
    assert f"{key_id}  revoked" in keys("list").stdout
    assert keys("create", "--name", "x", "--role", "king").exit_code == 2
    assert keys("revoke", "0" * 16).exit_code == 2
