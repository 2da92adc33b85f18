"""The inbox: files taken as they are closed, refused ones named, nothing lost while all is away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from cdr_text import text, write
from test_ingest import a_leg, books_of

from actors.archive import Archive
from actors.inbox import InboxSettings, InboxWatch
from actors.ingest import Intake
from pbx.cucm.cdr import CucmRecords
from storage import alarms, calls, files
from storage.database import Database, StorageConflict, StorageUnavailable
from telephony.clock import system_clock

RECORDS = CucmRecords()


@pytest.fixture
async def books(database: Database) -> Database:
    """The priced company of the intake's tests."""
    return await books_of(database)


def a_watch(database: Database, tmp_path: Path, **more: float) -> InboxWatch:
    settings = InboxSettings(tmp_path / "inbox", tmp_path / "archive", 400, **more)
    settings.directory.mkdir(exist_ok=True)
    return InboxWatch(database, system_clock, RECORDS, settings)


async def until(check: object, seconds: float = 10.0) -> None:
    with trio.fail_after(seconds):
        while not await check():  # type: ignore[operator]  # noqa: ASYNC110 - no event
            await trio.sleep(0.02)


async def test_a_file_is_taken_as_soon_as_it_is_closed(books: Database, tmp_path: Path) -> None:
    watch = a_watch(books, tmp_path, rescan_every_s=600)
    inbox = watch.settings.directory
    (inbox / "_cdr_Lab_01_202603020800_9").write_text("still being written")
    (inbox / "cdr_Lab_01_202603020800_8").write_text("")
    (inbox / "notes.txt").write_text("hello")
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        path = write(inbox, [a_leg(1)], sequence=1)

        async def taken() -> bool:
            return not path.exists()

        await until(taken)
        nursery.cancel_scope.cancel()
    assert len(await books.unit_of_work(calls.listing)) == 1
    assert sorted(p.name for p in inbox.iterdir()) == [
        "_cdr_Lab_01_202603020800_9",
        "cdr_Lab_01_202603020800_8",
        "notes.txt",
    ]
    assert [p.name for p in (tmp_path / "archive").rglob("*.gz")] == [f"{path.name}.gz"]


async def test_a_last_row_without_line_end_waits_for_the_rest(
    books: Database, tmp_path: Path
) -> None:
    watch = a_watch(books, tmp_path, rescan_every_s=0.1)
    whole = text([a_leg(1), a_leg(2)])
    path = watch.settings.directory / "cdr_Lab_01_202603020800_1"
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        path.write_text(whole[:-30])
        await trio.sleep(0.3)
        assert await books.unit_of_work(calls.listing) == []
        with path.open("a") as file:
            file.write(whole[-30:])

        async def taken() -> bool:
            return not path.exists()

        await until(taken)
        nursery.cancel_scope.cancel()
    assert len(await books.unit_of_work(calls.listing)) == 2
    assert await books.unit_of_work(files.rejects) == []


async def test_a_last_row_that_never_ends_is_set_aside(books: Database, tmp_path: Path) -> None:
    watch = a_watch(books, tmp_path, rescan_every_s=0.1, last_row_wait_s=0.5)
    path = watch.settings.directory / "cdr_Lab_01_202603020800_1"
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        path.write_text(text([a_leg(1), a_leg(2)])[:-30])

        async def taken() -> bool:
            return not path.exists()

        await until(taken)
        nursery.cancel_scope.cancel()
    assert len(await books.unit_of_work(calls.listing)) == 1
    (reject,) = await books.unit_of_work(files.rejects)
    assert reject.line == 4


async def test_a_refused_file_stays_and_raises_an_alarm_until_it_is_gone(
    books: Database, tmp_path: Path
) -> None:
    watch = a_watch(books, tmp_path, rescan_every_s=0.1)
    path = watch.settings.directory / "cdr_Lab_01_202603020800_1"
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        path.write_text("what is this\n")

        async def raised() -> bool:
            return len(await books.unit_of_work(alarms.standing)) == 1

        await until(raised)
        assert path.exists()
        path.unlink()

        async def cleared() -> bool:
            return not await books.unit_of_work(alarms.standing)

        await until(cleared)
        nursery.cancel_scope.cancel()


class Away:
    """A database that is away for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = True

    async def unit_of_work(self, *arguments: object, **more: object) -> object:
        if self.away:
            raise StorageUnavailable("away")
        return await self._database.unit_of_work(*arguments, **more)  # type: ignore[arg-type]


async def test_files_wait_for_a_database_that_is_away(books: Database, tmp_path: Path) -> None:
    database = Away(books)
    watch = a_watch(database, tmp_path, rescan_every_s=0.1)  # type: ignore[arg-type]
    path = write(watch.settings.directory, [a_leg(1)])
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        await trio.sleep(0.2)
        assert path.exists()
        path.touch()
        database.away = False

        async def taken() -> bool:
            return not path.exists()

        await until(taken, 15)
        nursery.cancel_scope.cancel()
    assert len(await books.unit_of_work(calls.listing)) == 1


def test_the_archive_keeps_both_of_two_files_of_one_name(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", 10)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    for content in ("one", "two"):
        path = tmp_path / "cdr_Lab_01_202603020800_1"
        path.write_text(content)
        archive.put(path, now)
        assert not path.exists()
    assert len(list((tmp_path / "archive" / "2026-03-02").glob("*.gz"))) == 2


def test_the_archive_forgets_old_days(tmp_path: Path) -> None:
    for day in ("2026-01-01", "2026-03-01", "notes"):
        (tmp_path / day).mkdir()
    Archive(tmp_path, 10).prune(datetime(2026, 3, 2, tzinfo=UTC))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-03-01", "notes"]
    (tmp_path / "2026-01-01").mkdir()
    Archive(tmp_path, 0).prune(datetime(2026, 3, 2, tzinfo=UTC))
    assert (tmp_path / "2026-01-01").exists()


async def test_a_file_the_database_will_not_have_keeps_no_other_waiting(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = a_watch(books, tmp_path, rescan_every_s=0.1)
    bad, good = (write(watch.settings.directory, [a_leg(n)], sequence=n) for n in (1, 2))
    taking = Intake.take

    async def take(self: Intake, path: Path) -> object:
        if path == bad:
            raise StorageConflict("a constraint")
        return await taking(self, path)

    monkeypatch.setattr(Intake, "take", take)
    for path in (bad, good):
        path.touch()
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)

        async def taken() -> bool:
            return not good.exists()

        await until(taken, 15)
        nursery.cancel_scope.cancel()
    assert bad.exists()
    (alarm,) = await books.unit_of_work(alarms.standing)
    assert "a constraint" in alarm.params["why"]
