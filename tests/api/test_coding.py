"""The queue in which letters wait to be coded."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fastapi import FastAPI

import phenoextract
from phenoextract import Document
from phenoextract.errors import DocumentTimedOut
from phenoextract_api.coding import Coder
from phenoextract_api.problems import Problem

from .conftest import MakeClient


def test_coding_refuses_what_would_wait_too_long(toy_extractor: phenoextract.Extractor) -> None:
    async def crowd() -> None:
        coder = Coder(toy_extractor, max_waiting=2, max_chars=1000, time_limit=60)
        door = threading.Event()
        held = [asyncio.create_task(coder.run(door.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await coder.code(Document("one too many", "No seizures."))
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        door.set()
        await asyncio.gather(*held)
        assert (await coder.code(Document("later", "No seizures."))).features
        coder.close()

    asyncio.run(crowd())


def test_coding_tells_the_caller_when_to_try_again(make_client: MakeClient) -> None:
    client = make_client(max_waiting=2)
    assert isinstance(client.app, FastAPI) and client.portal is not None
    door = threading.Event()
    coder: Coder = client.app.state.services.coder
    held = [client.portal.start_task_soon(coder.run, door.wait) for _ in range(2)]
    answer = client.post("/v1/annotate", json={"text": "No seizures."})
    door.set()
    assert [future.result(10) for future in held] == [True] * len(held)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "1", "busy")
    assert client.post("/v1/annotate", json={"text": "No seizures."}).is_success


def test_coding_answers_after_the_time_limit(toy_extractor: phenoextract.Extractor) -> None:
    async def wait() -> None:
        coder = Coder(toy_extractor, max_waiting=9, max_chars=1000, time_limit=0.2)
        door = threading.Event()
        slow = asyncio.create_task(coder.run(door.wait))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as behind:
            await coder.code(Document("behind", "No seizures."))
        assert behind.value.status_code == 503
        with pytest.raises(DocumentTimedOut):
            await slow
        door.set()
        assert (await coder.code(Document("later", "No seizures."))).features
        coder.close()

    asyncio.run(wait())
