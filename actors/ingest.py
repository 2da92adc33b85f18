"""Call-record files become calls: the one path by which anything enters the books.

`Intake.take` reads a file in a thread and stores it batch by batch, each in one transaction. It
may be killed at any moment and run again: what was stored is known by file, line and `pkid`.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import trio

from actors import reading
from actors.reader import WORTH_A_PROCESS_BYTES, batches_apart
from pbx.port import FileName, Layout, RecordFormat
from storage import calls, files, intake, rater
from storage.calls import Replaced
from storage.database import Database, StorageConflict, StorageError
from storage.files import FileRecord, RejectRow
from storage.intake import Batch, StaleCompany, TakenBatch
from storage.rater import LoadedRater
from telephony.errors import CdrRejected
from telephony.legs import CmrRow, Leg
from telephony.money import ZERO

T = TypeVar("T")

DAY_S = 86_400
BATCHES_AHEAD = 2
"""Read while the ones before are being stored: disk, parser and database work side by side."""
SETTLE_LOOK_S = 0.5
SETTLE_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking files changed, by the counts that `ringfence import --json` prints."""

    files: int = 0
    duplicate_files: int = 0
    rows: int = 0
    legs: int = 0
    calls: int = 0
    rejected: int = 0
    cmr: int = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(*(getattr(self, n) + getattr(other, n) for n in Taken.__slots__))


class Intake:
    """Takes call-record files of one format into one database."""

    def __init__(self, database: Database, records: RecordFormat) -> None:
        self._database = database
        self._records = records
        self._company: LoadedRater | None = None

    async def take(self, path: Path) -> Taken:
        """Take one whole file; a last row without line end is set aside.

        Raises `NotACallRecordFile` (the file is left alone), `OSError`, `StorageUnavailable`. May
        be cancelled at any moment, and called again for the same file after any failure.
        """
        opened = await trio.to_thread.run_sync(reading.look, path, self._records)
        record = await self._begin(path, opened, self._records.parse_name(path.name))
        if record.done:
            return Taken(files=1, duplicate_files=1)
        taken = Taken(files=1)
        async with self._reading(path, opened.layout, record.lines_done) as batches:
            async for batch in batches:
                taken += _counted(batch, await self._store(record.id, batch))
        return taken

    @asynccontextmanager
    async def _reading(
        self, path: Path, layout: Layout, skip: int
    ) -> AsyncGenerator[trio.MemoryReceiveChannel[Batch]]:
        """The batches of a file, read ahead while earlier ones are being stored."""
        try:
            async with trio.open_nursery() as nursery:
                send, receive = trio.open_memory_channel[Batch](BATCHES_AHEAD)
                nursery.start_soon(self._read, path, layout, skip, send)
                async with receive:
                    yield receive
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise

    async def retry_rejects(self) -> Taken:
        """Read again every row set aside; those that can be read now are stored and resolved."""
        taken = Taken()
        rows = await self._database.unit_of_work(files.rejects)
        for file_id, group in groupby(sorted(rows), key=lambda row: row.file_id):
            taken += await self._retake(file_id, list(group))
        return taken

    async def rerate(self, since: datetime | None = None) -> Replaced:
        """Merge and price the stored calls since an instant again, a day of them at a time."""
        total = Replaced(0, 0, ZERO)
        span = await self._database.unit_of_work(calls.span)
        if span is None:
            return total
        first = max(span[0], int(since.timestamp())) if since else span[0]
        for begin in range(first, span[1] + 1, DAY_S):
            day = await self._with_company(
                partial(self._rerate_between, begin, min(begin + DAY_S, span[1] + 1))
            )
            total = Replaced(
                total.created + day.created,
                total.changed + day.changed,
                total.difference + day.difference,
            )
        return total

    async def _rerate_between(self, since: int, until: int, loaded: LoadedRater) -> Replaced:
        rater_ = loaded.rater
        return await self._database.unit_of_work(
            intake.resettle, since, until, loaded.revision, rater_.settle, rater_.links
        )

    async def _begin(self, path: Path, opened: reading.Opened, name: FileName | None) -> FileRecord:
        known = await self._database.unit_of_work(files.find, path.name, opened.sha256)
        if known is not None:
            return known
        return await self._database.unit_of_work(
            files.begin,
            path.name,
            opened.sha256,
            opened.size_bytes,
            opened.layout.kind,
            opened.layout.header,
            (name.cluster, name.node, name.sequence) if name else None,
        )

    async def _read(
        self, path: Path, layout: Layout, skip: int, send: trio.MemorySendChannel[Batch]
    ) -> None:
        large = (await trio.Path(path).stat()).st_size >= WORTH_A_PROCESS_BYTES
        source = (
            batches_apart(path, self._records, skip)
            if large
            else reading.batches(path, layout, self._records, skip)
        )
        async with send:
            try:
                while (batch := await trio.to_thread.run_sync(next, source, None)) is not None:
                    await send.send(batch)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(source.close)

    async def _store(self, file_id: int, batch: Batch) -> TakenBatch:
        return await self._with_company(
            lambda loaded: self._database.unit_of_work(
                intake.take,
                file_id,
                batch,
                loaded.revision,
                loaded.rater.settle,
                loaded.rater.links,
            )
        )

    async def _retake(self, file_id: int, rows: Sequence[RejectRow]) -> Taken:
        layout = self._records.read_layout(rows[0].header)
        lines: list[int] = []
        legs: list[Leg] = []
        cmr: list[CmrRow] = []
        for row in rows:
            try:
                record = layout.read(row.raw)
            except CdrRejected:
                continue
            lines.append(row.line)
            if isinstance(record, Leg):
                legs.append(record)
            else:
                cmr.append(record)
        if not lines:
            return Taken(rows=len(rows))
        stored = await self._with_company(
            lambda loaded: self._database.unit_of_work(
                intake.retake,
                file_id,
                lines,
                legs,
                cmr,
                loaded.revision,
                loaded.rater.settle,
                loaded.rater.links,
            )
        )
        return Taken(rows=len(rows), legs=stored.legs, calls=stored.calls, cmr=stored.cmr)

    async def _with_company(self, store: Callable[[LoadedRater], Awaitable[T]]) -> T:
        """Store with the company as it stands now, however often it changes meanwhile."""
        while True:
            if self._company is None:
                self._company = await self._database.unit_of_work(rater.load)
            try:
                return await store(self._company)
            except StaleCompany:
                self._company = await self._database.unit_of_work(rater.load, self._company)


def _counted(batch: Batch, taken: TakenBatch) -> Taken:
    return Taken(
        rows=batch.rows,
        legs=taken.stored.legs,
        calls=taken.stored.calls,
        rejected=taken.rejected,
        cmr=taken.stored.cmr,
    )


def require_regular(path: Path) -> None:
    """Raise `OSError` for what is no plain file: a pipe would keep its reader waiting for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is no regular file")


async def settled(path: Path) -> None:
    """Return once a file ends with a line end, or has stopped growing; a minute at the most."""
    with trio.move_on_after(SETTLE_MOST_S):
        size = -1
        while not await trio.to_thread.run_sync(ends_with_line_end, path):
            now = (await trio.Path(path).stat()).st_size
            if now == size:
                return
            size = now
            await trio.sleep(SETTLE_LOOK_S)


def ends_with_line_end(path: Path) -> bool:
    """Whether the last byte of a file is a line feed; an empty file has nothing cut short."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not size:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"


async def import_files(
    database: Database, records: RecordFormat, paths: Iterable[Path]
) -> tuple[Taken, list[str]]:
    """Take files once, leaving them in place: the counts, and a line for each that was refused."""
    intake_ = Intake(database, records)
    taken, refused = Taken(), list[str]()
    for path in paths:
        try:
            await trio.to_thread.run_sync(require_regular, path)
            await settled(path)
            taken += await intake_.take(path)
        except OSError as error:
            taken = replace(taken, files=taken.files + 1)
            refused.append(f"{path}: {error.strerror or error}")
        except (StorageError, StorageConflict) as error:
            taken = replace(taken, files=taken.files + 1)
            refused.append(f"{path} cannot be stored: {error}")
        except reading.NotACallRecordFile as error:
            taken = replace(taken, files=taken.files + 1)
            refused.append(str(error))
    return taken, refused
