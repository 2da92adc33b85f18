"""Writes one report in a process of its own: `python -m reports.worker`, a job in, a file out.

Laying out a PDF and writing a large workbook hold the interpreter for seconds, in which the daemon
could lock no phone. What comes in on stdin are pickles: the job, then its rows in batches, then
None; so neither side ever holds the loop up with the whole. They come from the daemon alone, over
a pipe that nobody else has.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Literal, cast

from reports.csv_file import csv_file
from reports.document import Document, Value
from reports.errors import NoLibraries
from reports.pdf import pdf
from reports.xlsx import xlsx
from storage.people import TimeFormat
from words.formats import Reader
from words.language import language

Format = Literal["xlsx", "pdf", "csv"]
WRITERS: dict[Format, Callable[[Document, Reader], bytes]] = {
    "xlsx": xlsx,
    "pdf": pdf,
    "csv": csv_file,
}

BATCH = 500
MEMORY_BYTES = 2 << 30
CPU_S = 180
"""Beyond what the daemon waits: only for a daemon that was killed and cannot stop us."""

OUT_OF_MEMORY, LIBRARIES_MISSING = 3, 4
"""How the process exits where the daemon should know why."""


@dataclass(frozen=True, slots=True)
class Job:
    """A document without its rows, and what makes its reader."""

    format: Format
    document: Document
    language: str
    locale: str
    zone: str
    now: datetime
    time_format: TimeFormat

    @property
    def reader(self) -> Reader:
        """The reader, with the words of their language read anew."""
        known = language(self.language, self.locale)
        return Reader(known, self.zone, self.now, self.time_format)


def frames(document: Document, format_: Format, reader: Reader) -> Iterator[bytes]:
    """What is sent to the process, in pieces of some milliseconds each."""
    head = replace(document, rows=())
    spoken = reader.language
    job = Job(
        format_, head, spoken.code, str(spoken.locale), reader.zone_name, reader.now,
        reader.time_format,
    )  # fmt: skip
    yield pickle.dumps(job)
    for begin in range(0, len(document.rows), BATCH):
        yield pickle.dumps(document.rows[begin : begin + BATCH])
    yield pickle.dumps(None)


def work(source: BinaryIO) -> bytes:
    """Read a job and its rows, and write its file. Raises what the writers raise, `EOFError`."""
    job = cast("Job", pickle.load(source))  # noqa: S301 - from our own daemon
    rows: list[Sequence[Value]] = []
    while (batch := pickle.load(source)) is not None:  # noqa: S301 - as above
        rows.extend(batch)
    return WRITERS[job.format](replace(job.document, rows=rows), job.reader)


def _confine() -> None:
    """Less memory than the machine has, an end to computing, and behind whatever is urgent."""
    limits = ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_S))
    for kind, most in limits:
        with suppress(OSError, ValueError):  # the service's confinement may forbid it
            resource.setrlimit(kind, (most, most))
    with suppress(OSError):
        os.nice(5)
    gc.disable()  # a short life: looking for cycles would take a quarter of it


def main() -> int:
    """Work on one job; the exit code says how it went."""
    _confine()
    try:
        content = work(sys.stdin.buffer)
    except MemoryError:
        return OUT_OF_MEMORY
    except NoLibraries:
        return LIBRARIES_MISSING
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    # Pickles name this module by its own name, whatever it was started as.
    from reports.worker import main as run

    sys.exit(run())
