"""One run of a batch: rows into chunks, chunks to worker processes, results in order into parts.

The documents of a chunk that kills its worker or takes too long are sent again one by one; the one at fault is
recorded as failed and the others are done. Parts are cut by what is read only, so that neither the number of workers
nor a stop changes any of them.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from phenoextract.batch.coding import CRASHED, DUPLICATE_ID, OUT_OF_MEMORY, TIMED_OUT, Failure, Pipe
from phenoextract.batch.journal import CHANGE, FAILURE, Journal, Summary, sync_folder, write_whole
from phenoextract.batch.recode import Earlier
from phenoextract.batch.reports import Reports
from phenoextract.batch.sinks import STANDARD_OUTPUT, Coded, Form, Sink, compressed, guess_form, open_sink
from phenoextract.batch.sources import Row, Source
from phenoextract.batch.worker import Job, Result, collect, start, work
from phenoextract.errors import ConfigError
from phenoextract.formats.deidentify import Evidence

_CHUNK_ROWS, _CHUNK_SIZE = 64, 1_000_000
_PART_SIZE = 32_000_000
_AHEAD = 16  # chunks a worker that are read before the first of them is written
_WAIT = 0.1  # seconds after which a run that waits for its workers looks whether it, or the pool, is at an end
_AFRESH = "put it back as it was, or begin afresh with --restart"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a batch runs.

    `workers` and `time_limit`, in seconds a document, do not change what it gives; `part_rows` is how many
    documents a part holds at most; `evidence` is what the output shows of the documents' words; `only` is true for
    the documents to code, and `settings` is what else makes a run another run.
    """

    workers: int
    time_limit: float = 60.0
    part_rows: int = 1000
    restart: bool = False
    evidence: Evidence = Evidence.QUOTED
    only: Callable[[Row], bool] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.workers < 1 or self.part_rows < 1 or self.time_limit <= 0:
            raise ConfigError("workers, part size and time limit must be greater than 0")


class _Chunk(NamedTuple):
    """Rows that one worker gets at once; `ends` is the digest of its part if it is the last of that part."""

    part: int
    rows: Sequence[Row]
    ends: str | None


def run(
    extractor: Pipe,
    source: Source,
    out: Path,
    form: Form,
    options: Options,
    *,
    earlier: Earlier | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Code a source into `out`, which appears whole at the end: a file, or a folder of parts if no form has its suffix.

    Beside it, OUT.failed.jsonl names the documents that failed, if any, and OUT.changes.jsonl what has changed since
    an `earlier` run. `progress` is called with how far the source is read and how many documents are done. Raises
    ConfigError for what cannot be read, written or gone on with.
    """
    settings = {
        **options.settings,
        "source": {"name": source.name, "kind": source.kind, "carried": list(source.carried)},
        "form": form,
        "part size": options.part_rows,
        "evidence": options.evidence,
        "provenance": asdict(extractor.provenance),
    }
    with _explained(out), _work_folder(out) as folder:
        with closing(Journal(folder, settings, restart=options.restart)) as journal:
            sink = open_sink(form, source, journal.started)
            if earlier is not None:
                earlier.prepare(folder / "earlier.sqlite")
            job = Job(extractor, sink, folder / "reports.sqlite", earlier, options.evidence)
            if not _is_handed_over(journal, out):
                Reports(job.reports).close()  # SQLite has no worker wait for another that makes the store
                _code_parts(journal, job, source, options, progress)
                _hand_over(journal, sink, out, with_changes=earlier is not None)
            summary = journal.summary()
            with closing(Reports(job.reports)) as reports:
                summary.duplicates = summary.coded + summary.empty - len(reports)
        shutil.rmtree(folder)
    return summary


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says how to go on."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(
            f"{error.filename or out}: {error.strerror}; mend that, and the same command goes on"
        ) from None
    except sqlite3.Error as error:
        raise ConfigError(f"{out}: {error}; mend that, and the same command goes on") from None
    except BrokenProcessPool:
        raise ConfigError(f"{out}: the worker processes were stopped; the same command goes on") from None


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Give the folder in which a run keeps what it has done: beside its output, so that a stopped run can go on."""
    if out == STANDARD_OUTPUT:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary) / "batch"
        return
    folder = out.with_name(f".{out.name}.batch")
    if not out.parent.is_dir():
        raise ConfigError(f"{out.parent}: no such folder")
    if not _is_folder(out) and out.is_dir():
        raise ConfigError(f"{out}: is a folder, not a file to write")
    if _is_folder(out) and out.exists() and not folder.exists() and (out.is_file() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists already; remove it or name another folder")
    yield folder


def _is_folder(out: Path) -> bool:
    return out != STANDARD_OUTPUT and guess_form(out) is None


def _code_parts(journal: Journal, job: Job, source: Source, options: Options, progress: Progress | None) -> None:
    """Send chunks to the workers and write each part when its last chunk is back."""
    finished = journal.finished()
    next_id = journal.summary().places + 1
    documents = 0
    results: list[Result] = []
    pool = ProcessPool(options.workers, initializer=start, initargs=(job,), context=_forking())
    try:
        with _unique_ids(journal.folder) as is_new:
            wanted = (row for row in source.rows() if options.only is None or options.only(row))
            rows = (_distinct(row, is_new) for row in wanted)
            for chunk, coded in _code_chunks(pool, job, _chunks(rows, options.part_rows), finished, options):
                documents += len(chunk.rows)
                results += coded
                if chunk.part in finished:
                    _check(chunk, finished[chunk.part])
                elif chunk.ends is not None:
                    next_id += _finish(journal, job.sink, chunk, results, next_id)
                    results.clear()
                if progress and chunk.rows:
                    progress(chunk.rows[-1].done, documents)
            if chunk.part + 1 < len(finished):
                raise ConfigError(f"{source.name}: there was more of it when this run began; {_AFRESH}")
    finally:
        with _uninterrupted():
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def _forking() -> Any:
    return multiprocessing.get_context("fork")  # workers share the memory of what is loaded once


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end: inside the pool it may leave a lock held, and the pool then never ends."""
    if threading.current_thread() is not threading.main_thread():  # no other is ever interrupted
        yield
        return
    held_back = []
    usual = signal.signal(signal.SIGINT, lambda *_: held_back.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if held_back:
            signal.raise_signal(signal.SIGINT)


def _code_chunks(
    pool: ProcessPool, job: Job, chunks: Iterable[_Chunk], finished: Mapping[int, str], options: Options
) -> Iterator[tuple[_Chunk, list[Result]]]:
    """Give each chunk with its results, in order; no more than a bounded number is read ahead."""

    def take() -> tuple[_Chunk, list[Result]]:
        chunk, future = waiting.popleft()
        return chunk, _results(pool, job, chunk.rows, future, options.time_limit) if future else []

    waiting: deque[tuple[_Chunk, ProcessFuture[Result] | None]] = deque()
    for chunk in chunks:
        is_idle = chunk.part in finished or not chunk.rows
        waiting.append((chunk, None if is_idle else _schedule(pool, chunk.rows, options.time_limit)))
        if len(waiting) > _AHEAD * options.workers:
            yield take()
    while waiting:
        yield take()


def _schedule(pool: ProcessPool, rows: Sequence[Row], time_limit: float) -> ProcessFuture[Result]:
    try:
        with _uninterrupted():
            return pool.schedule(work, args=(rows,), timeout=time_limit)
    except RuntimeError:  # how pebble says that the pool is broken
        raise BrokenProcessPool from None


def _results(
    pool: ProcessPool, job: Job, rows: Sequence[Row], future: ProcessFuture[Result], time_limit: float
) -> list[Result]:
    """Give the results of rows, in order, whatever one of them does to its worker."""
    is_done = False
    while not is_done:
        with _uninterrupted():
            is_done = bool(wait([future], _WAIT).done)
            if not is_done and not pool.active:  # a pool that breaks forgets the chunks it has not yet sent
                raise BrokenProcessPool
    try:
        with _uninterrupted():
            return [future.result()]
    except (TimeoutError, ProcessExpired, MemoryError) as error:
        if len(rows) > 1:
            singly = [([row], _schedule(pool, [row], time_limit)) for row in rows]
            return [result for row, again in singly for result in _results(pool, job, row, again, time_limit)]
        code = {TimeoutError: TIMED_OUT, MemoryError: OUT_OF_MEMORY}.get(type(error), CRASHED)
        return [collect(job.sink, [Coded(rows[0], Failure(rows[0].id, code), "")])]


def _finish(journal: Journal, sink: Sink, chunk: _Chunk, results: Sequence[Result], first_id: int) -> int:
    """Write a part and give how many ids it has used up."""
    results = results or [collect(sink, [])]
    summary = Summary()
    for result in results:
        summary.add(result.summary)
    notes = [note for result in results for note in result.notes]

    def write(file: BinaryIO) -> None:
        sink.write([result.data for result in results], file, first_id)

    journal.finish(chunk.part, chunk.ends or "", sink.suffix, write, summary, notes)
    return summary.places


def _check(chunk: _Chunk, digest: str) -> None:
    """Raise ConfigError if what a finished part was made of has changed."""
    if chunk.ends not in (None, digest):
        last = chunk.rows[-1]
        raise ConfigError(
            f"{last.file}: up to row {last.number} it is no longer what it was when this run began; {_AFRESH}"
        )


def _chunks(rows: Iterable[Row], part_rows: int) -> Iterator[_Chunk]:
    number = 0
    for number, part in enumerate(_cut(rows, part_rows, _PART_SIZE), 1):
        *others, last = _cut(part, _CHUNK_ROWS, _CHUNK_SIZE)
        yield from (_Chunk(number - 1, chunk, None) for chunk in others)
        yield _Chunk(number - 1, last, _digest(part))
    if not number:  # nothing is a part too, so that every form is written as for something
        yield _Chunk(0, [], _digest([]))


def _cut(rows: Iterable[Row], most: int, size: int) -> Iterator[list[Row]]:
    """Cut rows into lists of at most so many rows, and of no more content than `size` but for a single row."""
    held: list[Row] = []
    length = 0
    for row in rows:
        own = len(row.content or "")
        if held and (len(held) == most or length + own > size):
            yield held
            held, length = [], 0
        held.append(row)
        length += own
    if held:
        yield held


def _digest(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row._replace(done=0)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@contextmanager
def _unique_ids(folder: Path) -> Iterator[Callable[[str], bool]]:
    """Give a function that tells whether an id is new; ids are kept on disk, as there may be millions."""
    path = folder / "ids.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE ids (id BLOB PRIMARY KEY) WITHOUT ROWID; BEGIN"
        )

        def is_new(document_id: str) -> bool:
            digest = hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).digest()
            return database.execute("INSERT OR IGNORE INTO ids VALUES (?)", (digest,)).rowcount == 1

        yield is_new


def _distinct(row: Row, is_new: Callable[[str], bool]) -> Row:
    if row.id is None or is_new(row.id):
        return row
    return row._replace(content=None, error=DUPLICATE_ID)


def _is_handed_over(journal: Journal, out: Path) -> bool:
    """Tell whether a run was stopped after its folder was in place and before the work folder was removed."""
    return _is_folder(out) and out.is_dir() and any(out.iterdir()) and not journal.parts.exists()


def _hand_over(journal: Journal, sink: Sink, out: Path, *, with_changes: bool) -> None:
    """Put the output in place, and last of all the results themselves."""
    if out == STANDARD_OUTPUT:
        sink.join(journal.files(), sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    failed, changes = (out.with_name(f"{out.name}.{what}.jsonl") for what in ("failed", "changes"))
    if journal.summary().failed:
        write_whole(failed, lambda file: file.writelines(journal.notes(FAILURE)))
    else:
        failed.unlink(missing_ok=True)
    if with_changes:
        write_whole(changes, lambda file: file.writelines(journal.notes(CHANGE)))

    def join(file: BinaryIO) -> None:
        with compressed(file, out.name) as packed:
            sink.join(journal.files(), packed)

    if _is_folder(out):
        journal.parts.rename(out)
        sync_folder(out.parent)
    else:
        write_whole(out, join)
