"""Watches the folder into which the phone system pushes call-record files.

A file is taken when its writer closes it or moves it in, which inotify tells at once; whatever was
missed is found by looking through the folder every few seconds. Losing every event loses nothing.
Names with `_` in front, empty and foreign files are left alone. What was taken goes to the archive.
"""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import trio
from inotify_simple import INotify, flags

from actors.archive import Archive
from actors.ingest import Intake, Taken, ends_with_line_end
from actors.metrics import count_file
from pbx.port import RecordFormat
from storage.alarms import clear_alarm, raise_alarm
from storage.database import Database, StorageConflict, StorageError, StorageUnavailable
from telephony.clock import Clock
from telephony.errors import NotACallRecordFile
from telephony.trail import trail

QUIET_S = 3.0
"""A file whose closing nobody saw is taken once it has not changed for this long."""
AFTER_FAILURE_S = 1.0

_log = logging.getLogger("ringfence.inbox")


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Where files arrive, where they go, and how long things are waited for (seconds, days)."""

    directory: Path
    archive: Path
    keep_days: int
    rescan_every_s: float = 10.0
    last_row_wait_s: float = 60.0


class _Seen(NamedTuple):
    """How a file looked: it is another file once any of these differs."""

    size_bytes: int
    changed_ns: int


@dataclass(slots=True)
class InboxWatch:
    """Takes the files of one folder, one after another, in the order of their numbers."""

    database: Database
    clock: Clock
    records: RecordFormat
    settings: InboxSettings
    _intake: Intake = field(init=False)
    _archive: Archive = field(init=False)
    _archive_failed: bool = field(init=False, default=True)
    _refused: dict[str, _Seen] = field(init=False, default_factory=dict[str, _Seen])
    _unended: dict[str, tuple[int, float]] = field(
        init=False, default_factory=dict[str, tuple[int, float]]
    )

    def __post_init__(self) -> None:
        self._intake = Intake(self.database, self.records)
        self._archive = Archive(self.settings.archive, self.settings.keep_days)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. A file being taken then is found again at the next start."""
        with _Closed(self.settings.directory) as inotify:
            task_status.started()
            rescan_at = trio.current_time()
            while True:
                names = inotify.names()
                rescan = trio.current_time() >= rescan_at
                try:
                    await self._take_all(dict.fromkeys(names), closed=True)
                    if rescan:
                        rescan_at = trio.current_time() + self.settings.rescan_every_s
                        await self.rescan()
                except StorageUnavailable as error:
                    _log.warning("inbox waits", extra={"why": str(error)})
                    rescan_at = trio.current_time() + AFTER_FAILURE_S
                with trio.move_on_at(rescan_at):
                    await trio.lowlevel.wait_readable(inotify.fileno())

    async def rescan(self) -> None:
        """Look through the whole folder for what no event told of."""
        names = await trio.to_thread.run_sync(self._present)
        await self._forget_gone(names)
        await self._take_all(names, closed=False)
        await trio.to_thread.run_sync(self._archive.prune, self.clock())

    def _present(self) -> list[str]:
        return [path.name for path in self.settings.directory.iterdir()]

    async def _take_all(self, names: Iterable[str], *, closed: bool) -> None:
        numbered = [(self.records.parse_name(name), name) for name in names]
        ours = [(name, text) for name, text in numbered if name is not None]
        ours.sort(key=lambda pair: (pair[0].written_at, pair[0].node, pair[0].sequence, pair[1]))
        for _, text in ours:
            with trail(file=text):
                if await self._ready(text, closed=closed):
                    await self._take(self.settings.directory / text)

    async def _ready(self, name: str, *, closed: bool) -> bool:
        """Whether a file is whole, as far as can be told, and not one refused before."""
        path = self.settings.directory / name
        try:
            found = await trio.to_thread.run_sync(_look, path)
        except OSError:
            return False  # gone between the event and this look
        if found is None or self._refused.get(name) == found:
            return False
        if not closed and time.time() - found.changed_ns / 1e9 < QUIET_S:
            return False
        if await trio.to_thread.run_sync(ends_with_line_end, path):
            self._unended.pop(name, None)
            return True
        size_bytes, since = self._unended.get(name, (-1, 0.0))
        if size_bytes != found.size_bytes:
            since = trio.current_time()
            self._unended[name] = (found.size_bytes, since)
        return trio.current_time() - since >= self.settings.last_row_wait_s

    async def _take(self, path: Path) -> None:
        began = trio.current_time()
        try:
            taken = await self._intake.take(path)
        except NotACallRecordFile as error:
            await self._refuse(path, str(error))
            return
        except OSError as error:
            await self._refuse(path, f"{path} cannot be read: {error.strerror or error}")
            return
        except (StorageError, StorageConflict) as error:
            # One file that the database will not have must not keep the others waiting.
            await self._refuse(path, f"{path} cannot be stored: {error}")
            return
        self._unended.pop(path.name, None)
        _log_taken(path, taken, trio.current_time() - began)
        _count(taken, await trio.to_thread.run_sync(_look_or_none, path))
        await self._put_away(path)

    async def _put_away(self, path: Path) -> None:
        key = "archive"
        try:
            await trio.to_thread.run_sync(self._archive.put, path, self.clock())
        except OSError as error:
            # The file stays, is known, and is put away as soon as the archive can be written.
            params = {"file": path.name, "why": error.strerror or str(error)}
            await self._alarm(key, "archive", params)
            self._archive_failed = True
            return
        if self._archive_failed:  # or may have, before this start
            await self.database.unit_of_work(clear_alarm, key, self.clock())
            self._archive_failed = False

    async def _refuse(self, path: Path, why: str) -> None:
        found = await trio.to_thread.run_sync(_look_or_none, path)
        if found is not None:
            self._refused[path.name] = found
        count_file("refused")
        _log.warning("file refused", extra={"file": path.name, "why": why})
        await self._alarm(f"file:{path.name}", "refused_file", {"file": path.name, "why": why})

    async def _forget_gone(self, names: Iterable[str]) -> None:
        for name in self._refused.keys() - set(names):
            del self._refused[name]
            await self.database.unit_of_work(clear_alarm, f"file:{name}", self.clock())

    async def _alarm(self, key: str, kind: str, params: dict[str, str]) -> None:
        await self.database.unit_of_work(raise_alarm, key, kind, params, self.clock())


class _Closed:
    """Names of files closed by their writer or moved into a folder, since last asked."""

    def __init__(self, directory: Path) -> None:
        self._inotify: Any = INotify(nonblocking=True)
        self._inotify.add_watch(directory, flags.CLOSE_WRITE | flags.MOVED_TO)

    def __enter__(self) -> _Closed:
        return self

    def __exit__(self, *_: object) -> None:
        self._inotify.close()

    def fileno(self) -> int:
        """What to wait on for news."""
        return self._inotify.fileno()

    def names(self) -> list[str]:
        """The news, which may name a file twice; empty where there is none."""
        return [event.name for event in self._inotify.read(timeout=0) if event.name]


def _look(path: Path) -> _Seen | None:
    """A regular file with something in it; the phone system tests the way with empty ones."""
    found = path.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return None
    return _Seen(found.st_size, found.st_ctime_ns)


def _look_or_none(path: Path) -> _Seen | None:
    try:
        return _look(path)
    except OSError:
        return None


def _count(taken: Taken, seen: _Seen | None) -> None:
    now = time.time()
    count_file(
        "duplicate" if taken.duplicate_files else "taken",
        rows=taken.rows,
        legs=taken.legs,
        calls=taken.calls,
        rejected=taken.rejected,
        lag_s=now - seen.changed_ns / 1e9 if seen is not None else None,
        at=now,
    )


def _log_taken(path: Path, taken: Taken, seconds: float) -> None:
    _log.info(
        "file taken",
        extra={
            "file": path.name,
            "rows": taken.rows,
            "legs": taken.legs,
            "calls": taken.calls,
            "rejected": taken.rejected,
            "known": bool(taken.duplicate_files),
            "seconds": round(seconds, 3),
        },
    )
