from __future__ import annotations

from fastapi.testclient import TestClient


def test_live_answers(client: TestClient) -> None:
    answer = client.get("/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "live"}
