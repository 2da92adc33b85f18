"""The analytic copy: what it holds is what the books hold, whatever changes in them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import trio
from call_rows import AT, add_call
from cdr_text import write
from facts_by_hand import Books, name_of, read_books
from fixtures_company import COMPANY, FOUNDED_AT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_ingest import a_leg, books_of, take

from storage import retention
from storage.company_apply import apply
from storage.database import Connection, Database, StorageUnavailable, open_database
from storage.dump import restore_backup, write_backup
from storage.facts import changes
from storage.facts import copy as facts_copy
from storage.facts.copy import FactsCopy, NotReady, open_copy
from storage.facts.engine import FILE_NAME, Cursor, EngineSettings, TooSlow
from telephony.countries import nation
from telephony.plant import Plant

Step = Callable[[Connection], Awaitable[Any]]
_OF_CALL = (
    "key", "party", "counted", "direction", "answered", "extension", "person_id", "unit_id",
    "number", "e164", "ring_s", "duration_s", "call_duration_s", "queued_s", "cost", "gateway_id",
    "site_id",
)  # fmt: skip


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def wanted(books: Books) -> dict[str, list[tuple[Any, ...]]]:
    """What each table of the copy must hold, worked out of the books."""
    rows_of = Counter(row["key"] for row in books.tables["call"])
    calls = [
        (
            *(row[name] for name in _OF_CALL), rows_of[row["key"]] > 1,
            _naive(row["started_at"]), row["destination"], row["destination_type"],
            books.of("tariff_version", row["tariff_version_id"]).get("tariff_id"),
            row["hunt_pilot"], nation(row["e164"]) if row["e164"] else "",
        )
        for row in books.tables["call"]
    ]  # fmt: skip
    voice = [
        (
            _naive(row["started_at"]), row["extension"], row["person_id"], row["unit_id"],
            row["device"], row["mos"], row["jitter_ms"], row["latency_ms"], row["packets_lost"],
            row["packets_received"],
        )
        for row in books.voice
    ]  # fmt: skip
    people = [
        (
            row["id"], name_of(row), row["login"], site.get("name"), site.get("country"),
            site.get("masked_digits") if row["masked_digits"] is None else row["masked_digits"],
            *row["custom"],
        )
        for row in books.tables["person"]
        for site in [books.of("site", row["site_id"])]
    ]  # fmt: skip
    return {
        "call": calls,
        "quality": voice,
        "person": people,
        "unit": _columns(books, "unit", "id", "department", "cost_centre", "office"),
        "gateway": _columns(books, "gateway", "id", "name"),
        "tariff": _columns(books, "tariff", "id", "name"),
        "site": _columns(books, "site", "id", "name", "country", "masked_digits"),
    }


def _columns(books: Books, table: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in books.tables[table]]


_SELECTED = {
    "call": f"{', '.join(_OF_CALL)}, shared, began, area, destination_type, tariff_id, hunt_group,"
    " nation",
    "quality": "began, extension, person_id, unit_id, device, mos, jitter_ms, latency_ms, lost,"
    " received",
    "person": "*",
    "unit": "id, department, cost_centre, office",
    "gateway": "id, name",
    "tariff": "id, name",
    "site": "id, name, country, masked",
}


def _held(cursor: Cursor) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: cursor.execute(f"select {names} from {table}").fetchall()
        for table, names in _SELECTED.items()
    }


async def assert_in_step(copy: FactsCopy, database: Database) -> None:
    """The copy that is asked has the books' rows, each once, and nothing else."""
    books = await database.unit_of_work(read_books)
    held = await copy.ask(_held)
    for table, rows in wanted(books).items():
        assert Counter(held[table]) == Counter(rows), table


async def total(copy: FactsCopy) -> tuple[int, Decimal]:
    """How many rows the copy that is asked holds, and what they cost."""

    def work(cursor: Cursor) -> Any:
        return cursor.execute("select count(*), coalesce(sum(cost), 0) from call").fetchone()

    return await copy.ask(work)


# Whatever changes ---------------------------------------------------------------------------------

_NUMBERS = (
    "", "+393331234567", "+14165550123", "+1416555", "+12125550123", "+590590271234",
    "+590590291234", "+6189162123", "+61891006123", "+262639001234", "+441534880123", "+8816123456",
)  # fmt: skip
_TEXTS = ("", "Sales", 'a "quoted", one', "two\nlines", "\\N", "NULL", "ÄÖ ٣", "a;b\tc", "'")
_PEOPLE = ("asonnino", "bkowalska", "dweber")


async def _one_of(connection: Connection, place: int) -> Any:
    """Some row of `call`, if there is one."""
    rows = await connection.fetch("select key, party, started_at from call order by key, party")
    return rows[place % len(rows)] if rows else None


def _at(place: int) -> datetime:
    """Instants close to each other and far apart, at ends of minutes and months."""
    return AT.replace(day=1, hour=0, minute=0) + timedelta(
        seconds=(0, -1, 30, 59, 60, 61, 86_400, -86_400, 40 * 86_400)[place % 9] + place // 9
    )


async def _free(connection: Connection, place: int) -> datetime:
    """An instant at which no call began: of two, either would be an extension's last."""
    at = _at(place)
    while await connection.fetchval("select exists (select from call where started_at = $1)", at):
        at += timedelta(seconds=1)
    return at


async def _add(connection: Connection, place: int) -> None:
    await add_call(
        connection, ("731", "732", "741", None)[place % 4], e164=_NUMBERS[place % len(_NUMBERS)],
        at=await _free(connection, place), seconds=place % 3, cost=f"0.{place:06}",
        gateway=("Milano", None)[place % 2],
        values={"destination": _TEXTS[place % len(_TEXTS)], "hunt_pilot": _TEXTS[place % 4]},
    )  # fmt: skip


async def _add_internal(connection: Connection, place: int) -> None:
    await add_call(connection, "731", other=("732", "733")[place % 2],
                   at=await _free(connection, place))  # fmt: skip


async def _change(connection: Connection, place: int) -> None:
    if row := await _one_of(connection, place):
        await connection.execute(
            "update call set cost = cost + 1, answered = not answered, number = $3"
            " where key = $1 and party = $2",
            row["key"], row["party"], _TEXTS[place % len(_TEXTS)],
        )  # fmt: skip


async def _move(connection: Connection, place: int) -> None:
    """A leg that came late makes a call begin earlier, in another minute or month."""
    if row := await _one_of(connection, place):
        await connection.execute(
            "update call set started_at = $2 where key = $1",
            row["key"], await _free(connection, place + 3),
        )  # fmt: skip


async def _remove(connection: Connection, place: int) -> None:
    if row := await _one_of(connection, place):
        await connection.execute("delete from call where key = $1", row["key"])


async def _resettle(connection: Connection, place: int) -> None:
    """As `rerate` does: rows go and come again, some with other owners and units."""
    if row := await _one_of(connection, place):
        await connection.execute(
            "create temporary table again on commit drop as select * from call where key = $1",
            row["key"],
        )
        await connection.execute("delete from call where key = $1", row["key"])
        await connection.execute(
            "update again set revision = revision + 1, person_id = $1, unit_id = $2",
            place % 5 or None, place % 3 or None,
        )  # fmt: skip
        await connection.execute("insert into call select * from again; drop table again")


async def _forget(connection: Connection, place: int) -> None:
    await retention.forget_calls(connection, _at(place))


async def _hear(connection: Connection, place: int) -> None:
    """A voice report, beside calls of its extension or long after."""
    await connection.execute(
        "insert into cmr select gen_random_uuid(), 'c', 1, 1, 1, $1, '', 'SEP0', $2, 60, 100, 90,"
        " 10, 5, 20, $3",
        ("731", "732", "999")[place % 3], int(_at(place).timestamp()) + place % 3 * 86_400,
        None if place % 4 == 0 else Decimal(place % 400) / 100,
    )  # fmt: skip


async def _rename(connection: Connection, place: int) -> None:
    await connection.execute(
        "update person set last_name = $2, first_name = '', custom[3] = $2, masked_digits = $3"
        " where login = $1",
        _PEOPLE[place % 3], _TEXTS[place % len(_TEXTS)], place % 4 or None,
    )  # fmt: skip


async def _transfer(connection: Connection, place: int) -> None:
    """Somebody moves to another department, and another site."""
    await connection.execute(
        "update person set department = $2, site_id = (select id from site order by id"
        " offset $3 limit 1) where login = $1",
        _PEOPLE[place % 3], _TEXTS[place % len(_TEXTS)], place % 3,
    )  # fmt: skip


async def _rename_things(connection: Connection, place: int) -> None:
    text = _TEXTS[place % len(_TEXTS)]
    await connection.execute("update gateway set name = $1 where device = 'TRUNK-PSTN'", text)
    await connection.execute("update tariff set name = $1 || ' '", text)


async def _site(connection: Connection, place: int) -> None:
    await connection.execute(
        "update site set masked_digits = $1, country = $2, position = $3 where name = 'Viareggio'",
        place % 5 or None, ("IT", "DE", "CA")[place % 3], place % 2 * 9,
    )  # fmt: skip


async def _other_books(connection: Connection, place: int) -> None:
    await connection.execute("update fact_state set copy_id = gen_random_uuid()")
    await connection.execute("delete from fact_change")


_STEPS = (
    _add, _add, _add_internal, _change, _move, _remove, _resettle, _forget, _hear, _hear, _rename,
    _transfer, _rename_things, _site, _other_books,
)  # fmt: skip


class _GivenUpError(Exception):
    """A transaction that is rolled back."""


@given(
    plan=st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.sampled_from(_STEPS), st.integers(0, 2000)), min_size=1, max_size=4
            ),
            st.sampled_from(("commits", "commits", "commits", "fails", "crashes")),
        ),
        min_size=2,
        max_size=9,
    )
)
@settings(
    max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_whatever_changes_the_copy_is_in_step(
    dsn: str, plan: list[tuple[list[tuple[Any, int]], str]]
) -> None:
    """Also when a process ends between taking changes over and saying so."""
    async with open_database(dsn, max_size=2) as database:
        await database.unit_of_work(_begin)
        async with open_copy(database, EngineSettings(threads=1)) as copy:
            await assert_in_step(copy, database)
            for steps, end in plan:

                async def work(connection: Connection, steps: Any = steps, end: str = end) -> None:
                    for step, place in steps:
                        await step(connection, place)
                    if end == "fails":
                        raise _GivenUpError

                try:
                    await database.unit_of_work(work)
                except _GivenUpError:
                    assert end == "fails"
                if end == "crashes":
                    await _crash(copy)
                await assert_in_step(copy, database)


async def _begin(connection: Connection) -> None:
    """The company, and no calls: each example has an event loop of its own, all one database."""
    if not await connection.fetchval("select exists (select from person)"):
        await apply(connection, COMPANY, FOUNDED_AT)
    await connection.execute(
        """
        update person set last_name = login, custom[3] = '', masked_digits = null,
                          department = 'Sales', site_id = null;
        update gateway set name = 'Milano' where device = 'TRUNK-PSTN';
        update tariff set name = 'carrier';
        update site set masked_digits = null, country = 'IT', position = id;
        delete from fact_change;
        """
    )
    await _empty(connection)


async def _empty(connection: Connection) -> None:
    await connection.execute("delete from call; delete from cmr")


async def _crash(copy: FactsCopy) -> None:
    """Whatever waits is taken over, but the books are not told."""
    kept, changes.done = changes.done, _away
    try:
        await copy.refresh()
    except StorageUnavailable:
        pass
    finally:
        changes.done = kept


async def _away(_connection: Connection, _ids: tuple[int, ...]) -> None:
    raise StorageUnavailable("gone")


async def test_many_changes_are_taken_together(database: Database, company: Plant) -> None:
    async with open_copy(database) as copy:
        version = await copy.refresh()
        for place in range(30):
            await database.unit_of_work(_add, place * 5)
        assert await copy.refresh() == version + 1
        assert await database.unit_of_work(_waiting) == 0
        await assert_in_step(copy, database)


async def _waiting(connection: Connection) -> int:
    return await connection.fetchval("select count(*) from fact_change")


async def test_nothing_is_done_where_nothing_has_changed(
    database: Database, company: Plant
) -> None:
    async with open_copy(database) as copy:
        await database.unit_of_work(_add, 1)
        version = await copy.refresh()
        await assert_in_step(copy, database)
        assert await copy.refresh() == version
        await database.unit_of_work(_add, 2)
        assert await copy.refresh() > version


async def test_a_number_is_of_its_country_whichever_came_first(
    database: Database, company: Plant
) -> None:
    """Also where numbers of two countries, or a number cut short, begin alike."""
    for numbers in (_NUMBERS, _NUMBERS[::-1]):
        async with open_copy(database) as copy:
            await database.unit_of_work(_empty)
            for place, number in enumerate(numbers):
                await database.unit_of_work(add_call, e164=number, at=_at(place))
                await copy.refresh()
            await assert_in_step(copy, database)


async def _charged(connection: Connection) -> Decimal:
    return await connection.fetchval("select coalesce(sum(amount), 0) from ledger")


async def test_by_the_very_intake(database: Database, tmp_path: Path) -> None:
    """What calls cost in the copy is what the ledger charges: as they come, late, and forgotten."""
    books = await books_of(database)
    async with open_copy(books) as copy:
        legs = [a_leg(number) for number in range(1, 9)]
        await take(books, write(tmp_path, legs, sequence=1))
        charged = await books.unit_of_work(_charged)
        assert charged > 0
        assert await total(copy) == (8, charged)
        # The second leg of the first call's transfer comes an hour late, and settles it anew.
        late = a_leg(20, call_no=legs[0].call_no, orig_leg=legs[0].orig_leg)
        await take(books, write(tmp_path, [late], sequence=2))
        assert (await total(copy))[1] == await books.unit_of_work(_charged)
        await assert_in_step(copy, books)
        ends = datetime.fromtimestamp(legs[5].disconnected, UTC)
        await books.unit_of_work(retention.forget_calls, ends)
        assert (await total(copy))[1] == await books.unit_of_work(_charged)
        await assert_in_step(copy, books)


# The file -----------------------------------------------------------------------------------------


async def test_a_copy_outlives_the_process(
    database: Database, company: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again, not made again, and has what changed meanwhile."""
    await database.unit_of_work(_add, 1)
    async with open_copy(database, EngineSettings(tmp_path)) as copy:
        await assert_in_step(copy, database)
    await database.unit_of_work(_add, 2)
    await database.unit_of_work(_rename, 2)

    async def never(*_: object) -> Any:
        pytest.fail("the copy was made anew")

    monkeypatch.setattr(changes, "begin_anew", never)
    async with open_copy(database, EngineSettings(tmp_path)) as copy:
        await assert_in_step(copy, database)
    assert_private(tmp_path)


def assert_private(folder: Path) -> None:
    """Nobody else reads the calls, and nothing of them lies about."""
    assert folder.stat().st_mode & 0o077 == 0
    assert not list(folder.glob("**/*.csv"))


@pytest.mark.parametrize("harm", ["nonsense", "empty", "cut", "of another shape", "half made"])
async def test_a_file_of_no_use_is_made_anew(
    database: Database, company: Plant, tmp_path: Path, harm: str
) -> None:
    await database.unit_of_work(_add, 1)
    async with open_copy(database, EngineSettings(tmp_path)) as copy:
        await copy.refresh()
    file = tmp_path / FILE_NAME
    content = file.read_bytes()
    if harm == "of another shape":
        _write_state(file, "update state set shape = shape - 1")
    elif harm == "half made":
        _write_state(file, "update state set complete = false; delete from call")
    else:
        harmed = {"nonsense": b"x" * 20_000, "empty": b"", "cut": content[: len(content) // 3]}
        file.write_bytes(harmed[harm])
    async with open_copy(database, EngineSettings(tmp_path)) as copy:
        await assert_in_step(copy, database)


def _write_state(file: Path, statements: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(statements)


def _hold(file: Path) -> subprocess.Popen[bytes]:
    """Another process that has the file open until its input ends."""
    program = f"""
import duckdb, sys
held = duckdb.connect({str(file)!r})
held.execute("create table kept as select 1")
print("held", flush=True)
sys.stdin.read()
"""
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def test_a_file_another_process_has_open_is_told(
    database: Database, company: Plant, tmp_path: Path
) -> None:
    """And is left as it is."""
    holder = _hold(tmp_path / FILE_NAME)
    try:
        assert holder.stdout is not None
        assert (await trio.to_thread.run_sync(holder.stdout.readline)).strip() == b"held"
        with pytest.raises(StorageUnavailable, match="another process"):
            async with open_copy(database, EngineSettings(tmp_path)):
                pytest.fail("opened twice")
    finally:
        await trio.to_thread.run_sync(holder.communicate)
    with duckdb.connect(str(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("select * from kept").fetchall() == [(1,)]


async def test_books_brought_back_are_not_taken_for_newer_ones(
    database: Database, company: Plant, tmp_path: Path
) -> None:
    """A backup is restored: the copy's file is of the books as they were after it."""
    await database.unit_of_work(_add, 1)
    backup = tmp_path / "backup.zip"
    folder = EngineSettings(tmp_path / "copy")
    async with open_copy(database, folder) as copy:
        await copy.refresh()
        await database.unit_of_work(write_backup, backup, AT)
        await database.unit_of_work(_add, 2)
        assert (await total(copy))[0] == 2
    await database.unit_of_work(_restore, backup)
    async with open_copy(database, folder) as copy:
        assert (await total(copy))[0] == 1
        await assert_in_step(copy, database)


async def test_two_copies_of_the_same_books_never_miss_what_the_other_took(
    database: Database, company: Plant
) -> None:
    """Two daemons on one database, which nobody should have: slow, never wrong."""
    async with open_copy(database) as one, open_copy(database) as other:
        for number in range(1, 5):
            await database.unit_of_work(_add, number)
            for copy in (one, other) if number % 2 else (other, one):
                assert (await total(copy))[0] == number
            await assert_in_step(one, database)
            await assert_in_step(other, database)


async def _restore(connection: Connection, backup: Path) -> None:
    # The pool of this test is connected: what tells a daemon from it is its name.
    await connection.execute("set application_name = 'restoring'")
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        " and datname = current_database()"
    )
    await restore_backup(connection, backup, force=True)


# While others work --------------------------------------------------------------------------------


async def test_not_ready_while_the_copy_is_made(
    database: Database, company: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks while it is made for the first time is told how far it is."""
    monkeypatch.setattr(facts_copy, "FIRST_COPY_S", 0.0)
    for days in (0, 40, 80, 120):
        await database.unit_of_work(add_call, at=AT + timedelta(days=days))
    told: list[int] = []
    async with open_copy(database) as copy:
        work = copy._work

        async def with_a_question(doing: Any) -> Any:
            with pytest.raises(NotReady) as caught:
                await total(copy)
            told.append(caught.value.percent)
            return await work(doing)

        monkeypatch.setattr(copy, "_work", with_a_question)
        await copy.refresh()
        monkeypatch.undo()
        assert told == sorted(told)
        assert told[0] == 0
        assert 50 < told[-1] < 100
        await assert_in_step(copy, database)


async def test_every_answer_is_a_state_the_books_were_in(
    database: Database, company: Plant
) -> None:
    """Money moves from call to call, in several statements; whoever asks never sees any missing."""
    keys = [
        await database.unit_of_work(add_call, at=AT + timedelta(minutes=number), cost="10")
        for number in range(8)
    ]

    async def move(connection: Connection, number: int) -> None:
        for place in range(5):
            one, other = keys[(number + place) % 8], keys[(number * 3 + place + 1) % 8]
            await connection.execute("update call set cost = cost - 1 where key = $1", one)
            await connection.execute("update call set cost = cost + 1 where key = $1", other)

    seen: list[tuple[int, Decimal]] = []
    async with open_copy(database) as copy:
        await copy.refresh()

        async def write(first: int) -> None:
            for number in range(first, first + 10):
                await database.unit_of_work(move, number)

        async def read() -> None:
            for _ in range(15):
                answer = await total(copy)
                seen.append(answer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, 0)
            for _ in range(4):
                nursery.start_soon(read)
        assert set(seen) == {(8, Decimal(80))}
        await assert_in_step(copy, database)


async def test_no_half_of_a_transaction_is_ever_seen(
    database: Database, company: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by somebody either who had looked for changes before it was committed."""
    seen: list[int] = []

    async def several(connection: Connection) -> None:
        for place in range(6):
            await add_call(connection, at=AT + timedelta(minutes=2 * place))

    async with open_copy(database) as copy:
        await copy.refresh()
        await database.unit_of_work(several)
        work = copy._work

        async def and_look(doing: Any) -> Any:
            done = await work(doing)
            count = await copy.engine.work(
                lambda cursor: cursor.execute("select count(*) from call").fetchall()
            )
            seen.append(count[0][0])
            return done

        monkeypatch.setattr(copy, "_work", and_look)
        await copy.refresh()
    assert set(seen) == {6}


async def test_a_question_too_long_is_given_up(database: Database, company: Plant) -> None:
    """And one nobody waits for any more; the copy goes on."""

    def endless(cursor: Cursor) -> Any:
        many = "select sum(a.range) from range(10000000) a, range(1000000) b"
        return cursor.execute(many).fetchone()

    async with open_copy(database) as copy:
        with pytest.raises(TooSlow, match="too long"):
            await copy.ask(endless, patience_s=0.05)
        with trio.move_on_after(0.05) as scope:
            await copy.ask(endless)
        assert scope.cancelled_caught
        assert await total(copy) == (0, Decimal(0))
