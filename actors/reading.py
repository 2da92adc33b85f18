"""A call-record file, read in a thread as batches of rows, each row stored or set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from pbx.port import Layout, RecordFormat
from storage.files import Reject
from storage.intake import Batch
from telephony.errors import CdrRejected, NotACallRecordFile
from telephony.legs import CmrRow, Leg

BATCH_ROWS = 10_000
LONGEST_LINE_BYTES = 64_000
"""A CDR row is under two kilobytes; a line this long is no call record."""


class Opened(NamedTuple):
    """What a look at a file tells before any row is read."""

    sha256: str
    size_bytes: int
    layout: Layout
    terminated: bool


def look(path: Path, records: RecordFormat) -> Opened:
    """Hash a file and understand its header.

    Raises `NotACallRecordFile` naming the file, which is left as it is, and `OSError`.
    """
    digest = hashlib.sha256()
    size_bytes, last = 0, b""
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE_BYTES)
        file.seek(0)
        while piece := file.read(1 << 20):
            digest.update(piece)
            size_bytes += len(piece)
            last = piece[-1:]
    try:
        layout = records.read_layout(first.decode("utf-8", "replace").rstrip("\r\n"))
    except (NotACallRecordFile, CdrRejected) as error:
        raise NotACallRecordFile(f"{path} is no call-record file: {error}") from None
    return Opened(digest.hexdigest(), size_bytes, layout, last == b"\n")


def batches(
    path: Path, layout: Layout, records: RecordFormat, skip_lines: int, rows: int = BATCH_ROWS
) -> Generator[Batch, None, None]:
    """The rows after the first `skip_lines` lines, in batches; the last one is marked.

    A last row without line end is set aside: part of it may be missing, and the part that is
    there may well look whole.
    """
    collected = _Collected()
    read = layout.read
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number <= max(skip_lines, 1):
                continue
            line = raw.decode("utf-8", "replace")
            collected.lines_done = number
            if line[-1] != "\n":
                collected.reject(number, "is the last row and has no line end: it may be cut", line)
                continue
            line = line.rstrip("\r\n")
            if not line or (number == 2 and records.is_heading(line)):
                continue
            try:
                collected.records.append(read(line))
            except CdrRejected as error:
                collected.reject(number, str(error), line)
            if collected.rows >= rows:
                yield collected.batch(last=False)
                collected = _Collected(number)
    yield collected.batch(last=True)


class _Collected:
    """The rows of the batch being put together."""

    def __init__(self, lines_done: int = 1) -> None:
        self.lines_done = lines_done
        self.records: list[Leg | CmrRow] = []
        self._rejects: list[Reject] = []

    @property
    def rows(self) -> int:
        return len(self.records) + len(self._rejects)

    def reject(self, number: int, reason: str, line: str) -> None:
        self._rejects.append(Reject(number, reason, line.replace("\x00", "\ufffd")))

    def batch(self, *, last: bool) -> Batch:
        legs = [record for record in self.records if isinstance(record, Leg)]
        cmr = [record for record in self.records if isinstance(record, CmrRow)]
        return Batch(self.lines_done, self.rows, legs, cmr, self._rejects, last)
