"""A client of the API: the library's own types in and out.

    with Client("https://phenotypes.example.nhs.uk", key="phx_…") as client:
        report = client.annotate("He has a cleft palate.")

Whatever the service refuses is raised as ServiceProblem, which repeats nothing of a letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from phenoextract import Document, Report
from phenoextract.errors import PhenoextractError
from phenoextract.formats import json as report_json
from phenoextract.types import Coding
from phenoextract_api.exports import ExportFormat
from phenoextract_api.problems import ProblemDetail
from phenoextract_api.request_types import Decision, State
from phenoextract_api.routes.annotate import NDJSON, STREAM, Failure
from phenoextract_api.routes.operations import Version
from phenoextract_api.routes.requests import FullRequest, RequestPage
from phenoextract_api.routes.terms import TermDetail, TermHit, TermHits

_TIMEOUT_SECONDS = 60
_CHUNK_LETTERS = 100
_CHUNK_CHARACTERS = 1_000_000


class ServiceProblem(PhenoextractError):
    """What the service refused and why: `code` is stable; `problem` has the rest, if it answered itself."""

    def __init__(self, status: int, problem: ProblemDetail | None) -> None:
        self.status, self.problem = status, problem
        self.code = problem.code if problem else "error"
        super().__init__(f"{status} {self.code}: {problem.detail}" if problem else f"{status}: not from phenoextract")


@dataclass(frozen=True, slots=True)
class Exported:
    """A file of a confirmed request."""

    filename: str
    media_type: str
    content: bytes


class Client:
    """Talks to one service, with an API key or a token where it needs one; `close` it, or use it in `with`."""

    def __init__(
        self, url: str = "http://127.0.0.1:8000", *, key: str | None = None, timeout: float = _TIMEOUT_SECONDS
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def annotate(self, letter: str | Document) -> Report:
        """Give the report of a letter."""
        document = letter if isinstance(letter, Document) else Document("document", letter)
        return report_json.parse(self._send("POST", "/v1/annotate", json=asdict(document)).content)

    def annotate_file(self, path: Path) -> Report:
        """Give the report of a .txt, .docx or .pdf file; its id is the file's name."""
        with path.open("rb") as file:
            return report_json.parse(self._send("POST", "/v1/annotate/file", files={"file": (path.name, file)}).content)

    def annotate_many(self, documents: Iterable[Document]) -> Iterator[Report | Failure]:
        """Give for each document its report or why there is none, in order; documents are taken as they are needed."""
        number = 0
        for chunk in _chunks(documents):
            body = "".join(json.dumps(asdict(document)) + "\n" for document in chunk)
            with self._http.stream("POST", STREAM, content=body, headers={"Content-Type": NDJSON}) as answer:
                if answer.is_error:
                    answer.read()
                _raise_for(answer)
                for document, line in zip(chunk, answer.iter_lines(), strict=True):
                    number += 1
                    outcome = json.loads(line)
                    if "error" in outcome:
                        yield Failure(id=document.id, line=number, error=outcome["error"])
                    else:
                        yield report_json.from_dict(outcome)

    def search_terms(self, typed: str, limit: int = 10) -> list[TermHit]:
        """Give the terms that fit what somebody typed, the best first."""
        answer = self._send("POST", "/v1/terms/search", json={"q": typed, "limit": limit})
        return TermHits.model_validate_json(answer.content).terms

    def term(self, hpo_id: str) -> TermDetail:
        """Give a term in full."""
        return TermDetail.model_validate_json(self._send("GET", f"/v1/terms/{hpo_id}").content)

    def version(self) -> Version:
        """Give versions and digests of the service, and its intended purpose."""
        return Version.model_validate_json(self._send("GET", "/v1/version").content)

    def create_request(
        self,
        letter: str | Document,
        *,
        patient_ref: str,
        test: Coding | None = None,
        letter_type: str | None = None,
        idempotency_key: str | None = None,
    ) -> FullRequest:
        """Keep a letter as a draft to be decided; the same `idempotency_key` again gives the same request."""
        document = letter if isinstance(letter, Document) else Document("letter", letter)
        given = asdict(document) | {"patient_ref": patient_ref, "letter_type": letter_type}
        given["test"] = asdict(test) if test else None
        return _request(self._send("POST", "/v1/requests", json=given, headers=_once(idempotency_key)))

    def queue(self, *states: State, limit: int = 50, after: str | None = None) -> RequestPage:
        """Give a page of the queue, by default of drafts; `after` is the `next` of the page before."""
        asked: dict[str, Any] = {"state": [state.value for state in states or (State.DRAFT,)], "limit": limit}
        answer = self._send("GET", "/v1/requests", params=asked | ({"after": after} if after else {}))
        return RequestPage.model_validate_json(answer.content)

    def request(self, request_id: str, *, version: int | None = None) -> FullRequest:
        """Give a request as it stands now, or an earlier version of it."""
        asked = {"version": version} if version else {}
        return _request(self._send("GET", f"/v1/requests/{request_id}", params=asked))

    def decide(self, read: FullRequest, decision: Decision, *, idempotency_key: str | None = None) -> FullRequest:
        """Decide on a request as it was read; ServiceProblem 412 if somebody else has changed it since.

        The same `idempotency_key` again records nothing more, so that a call without an answer can be repeated.
        """
        given = {name: value for name, value in asdict(decision).items() if value is not None}
        return self._change(read, "decisions", given, idempotency_key)

    def undo(self, read: FullRequest) -> FullRequest:
        """Take back the last decision."""
        return self._change(read, "undo")

    def confirm(self, read: FullRequest) -> FullRequest:
        """Confirm the draft."""
        return self._change(read, "confirm")

    def correct(self, read: FullRequest) -> FullRequest:
        """Start a new version on top of the confirmed one."""
        return self._change(read, "correct")

    def export(self, request_id: str, form: ExportFormat, *, version: int | None = None) -> Exported:
        """Give what was confirmed, in a format."""
        asked = {"format": form.value} | ({"version": str(version)} if version else {})
        answer = self._send("GET", f"/v1/requests/{request_id}/export", params=asked)
        name = answer.headers["content-disposition"].partition('filename="')[2].rstrip('"')
        return Exported(name, answer.headers["content-type"], answer.content)

    def delete_request(self, request_id: str) -> None:
        """Erase a request for good."""
        self._send("DELETE", f"/v1/requests/{request_id}")

    def _change(
        self, read: FullRequest, step: str, given: dict[str, Any] | None = None, idempotency_key: str | None = None
    ) -> FullRequest:
        headers = {"If-Match": f'"{read.summary.etag}"', **_once(idempotency_key)}
        return _request(self._send("POST", f"/v1/requests/{read.summary.id}/{step}", json=given, headers=headers))

    def _send(self, method: str, address: str, **parts: Any) -> httpx2.Response:
        answer = self._http.request(method, address, **parts)
        _raise_for(answer)
        return answer


def _once(idempotency_key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": idempotency_key} if idempotency_key else {}


def _raise_for(answer: httpx2.Response) -> None:
    if answer.is_success:
        return
    try:
        problem = ProblemDetail.model_validate_json(answer.content)
    except ValueError:
        problem = None
    raise ServiceProblem(answer.status_code, problem)


def _request(answer: httpx2.Response) -> FullRequest:
    return FullRequest.model_validate_json(answer.content)


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Gather documents into requests that can be sent whole before their answer is read."""
    chunk: list[Document] = []
    size = 0
    for document in documents:
        if chunk and (len(chunk) == _CHUNK_LETTERS or size + len(document.text) > _CHUNK_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(document)
        size += len(document.text)
    if chunk:
        yield chunk
