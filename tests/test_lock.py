"""One line, its holds and its phone system: what is written, what is refused, what is repaired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_pbx import FakePbx

from actors.lock import LineActor, LockActor
from actors.messages import CheckLine, LookAgain, SetHold
from actors.proof import Proofs
from storage import alarms, locks
from storage.database import Connection, Database
from telephony.plant import ExtensionKey, Plant


class Desk:
    """An extension with its two actors; `clock` stands still until it is moved."""

    def __init__(
        self, database: Database, pbx: FakePbx, key: Any = "731", locker: Any = "same"
    ) -> None:
        self.database = database
        self.pbx = pbx
        self.key = ExtensionKey.parse(key)
        self.now = datetime(2026, 11, 20, 11, tzinfo=UTC)
        self.locker = pbx if locker == "same" else locker
        self.restart()

    def restart(self) -> None:
        clock = lambda: self.now  # noqa: E731
        self.line = LineActor(self.key, self.database, clock, self.locker, Proofs(clock))
        self.lock = LockActor(self.key, self.database, clock, lambda _key, _message: True)

    async def hold(self, kind: Any, held: Any = True, source: str = "") -> Any:
        view = await self.lock.handle(SetHold(kind, held, None, source))
        assert isinstance(view, locks.LockView)
        return view

    async def look(self, message: Any = None, after_s: float = 0) -> Any:
        self.now += timedelta(seconds=after_s)
        await self.line.handle(message or LookAgain())
        return await self.view()

    async def view(self) -> Any:
        return await self.database.unit_of_work(locks.view, self.key)

    async def state(self) -> Any:
        return await self.database.unit_of_work(locks.line_state, self.key)

    async def alarms(self) -> Any:
        return [alarm.kind for alarm in await self.database.unit_of_work(alarms.standing)]


@pytest.fixture
async def pbx() -> Any:
    return FakePbx()


@pytest.fixture
async def desk(database: Database, company: Plant, pbx: FakePbx) -> Any:
    return Desk(database, pbx)


@pytest.mark.parametrize("original", ["CSS-National", "CSS-World", ""])
async def test_a_line_is_locked_and_gets_back_exactly_what_it_had(
    desk: Desk, pbx: FakePbx, original: str
) -> None:
    line = pbx.add("731", original)
    view = await desk.hold("user")
    assert (view.locked, view.actual) == (True, "unknown")
    assert (await desk.look()).actual == "locked"
    assert pbx.is_lock_rights(pbx.rights(line))
    await desk.hold("user", held=False)
    assert (await desk.look()).actual == "unlocked"
    assert pbx.rights(line) == original
    assert len(pbx.writes) == 2
    assert await desk.look() == await desk.view()
    assert len(pbx.writes) == 2


async def test_it_stays_locked_until_the_last_hold_is_gone(desk: Desk, pbx: FakePbx) -> None:
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.hold("admin")
    await desk.hold("budget", source="1")
    await desk.hold("budget", source="2")
    await desk.look()
    pbx.holds = lambda: True
    for kind, source in [("budget", "1"), ("user", ""), ("budget", "2")]:
        await desk.hold(kind, held=False, source=source)
        assert (await desk.look()).actual == "locked"
    view = await desk.view()
    assert [hold.kind for hold in view.holds] == ["admin"]
    pbx.holds = lambda: False
    await desk.hold("admin", held=False)
    assert (await desk.look()).actual == "unlocked"
    assert pbx.wrongs == []


async def test_a_hold_that_comes_and_goes_before_anybody_looks_touches_nothing(
    desk: Desk, pbx: FakePbx
) -> None:
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.hold("user", held=False)
    await desk.look()
    assert pbx.writes == []


async def test_without_a_phone_system_holds_are_kept(database: Database, company: Plant) -> None:
    desk = Desk(database, FakePbx(), locker=None)
    await desk.hold("admin")
    view = await desk.look()
    assert (view.locked, view.actual, view.error) == (True, "unknown", None)


async def test_a_person_is_told_when_somebody_else_locks_their_phone(
    desk: Desk, pbx: FakePbx, database: Database
) -> None:
    async def queued(connection: Connection) -> Any:
        rows = await connection.fetch("select kind, channel from notification order by id")
        return [tuple(row) for row in rows]

    pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.look()
    await desk.hold("user", held=False)
    await desk.look()
    assert await database.unit_of_work(queued) == []
    await desk.hold("admin")
    await desk.look()
    assert await database.unit_of_work(queued) == [
        ("phone_locked", "mail"),
        ("phone_locked", "phone"),
    ]
    await desk.hold("admin", held=False)
    await desk.look()
    assert (await database.unit_of_work(queued))[2:] == [
        ("phone_unlocked", "mail"),
        ("phone_unlocked", "phone"),
    ]


# Refusals -----------------------------------------------------------------------------------------


async def test_a_line_is_not_locked_where_outside_numbers_stay_reachable(
    desk: Desk, pbx: FakePbx
) -> None:
    line = pbx.add("731", "CSS-Odd")
    await desk.hold("user")
    view = await desk.look()
    assert view.actual == "unknown"
    assert "can still be dialled" in (view.error or "")
    assert pbx.writes == []
    assert await desk.alarms() == ["lock_refused"]
    pbx.edit(line, "CSS-National")
    assert (await desk.look(after_s=10)).actual == "unknown"  # not before its time
    assert (await desk.look(after_s=30)).actual == "locked"
    assert await desk.alarms() == []


async def test_a_site_without_emergency_numbers_locks_nothing(
    desk: Desk, pbx: FakePbx, database: Database
) -> None:
    pbx.add("731", "CSS-National")
    await database.unit_of_work(lambda c: c.execute("update site set emergency = '{}'"))
    await desk.hold("user")
    assert "no emergency numbers" in ((await desk.look()).error or "")
    assert pbx.writes == []


async def test_a_line_without_configured_lock_rights_is_refused(desk: Desk, pbx: FakePbx) -> None:
    pbx.add("731", "CSS-Unmapped")
    await desk.hold("user")
    assert "no lock rights are configured" in ((await desk.look()).error or "")
    assert await desk.alarms() == ["lock_refused"]


async def test_an_extension_in_several_partitions_needs_one_named(
    desk: Desk, pbx: FakePbx, database: Database
) -> None:
    pbx.add("731", "CSS-National", "PT-Milano")
    viareggio = pbx.add("731", "CSS-National", "PT-Viareggio")
    await desk.hold("user")
    assert "PT-Milano, PT-Viareggio" in ((await desk.look()).error or "")
    assert pbx.writes == []
    named = Desk(database, pbx, "731@PT-Viareggio")
    await named.hold("user")
    assert (await named.look()).actual == "locked"
    assert [line for line, _ in pbx.writes] == [viareggio]


async def test_an_unknown_line_is_refused_until_somebody_acts(desk: Desk, pbx: FakePbx) -> None:
    await desk.hold("user")
    assert "no line 731" in ((await desk.look()).error or "")
    pbx.add("731", "CSS-National")
    assert (await desk.look()).actual == "unknown"
    await desk.hold("admin")
    assert (await desk.look()).actual == "locked"


async def test_a_refusal_is_forgotten_when_nobody_wants_the_lock_any_more(
    desk: Desk, pbx: FakePbx
) -> None:
    pbx.add("731", "CSS-Unmapped")
    await desk.hold("user")
    assert (await desk.look()).error
    await desk.hold("user", held=False)
    assert (await desk.look()).error is None
    assert await desk.alarms() == []


async def test_a_proof_is_remembered_for_a_while_and_not_longer(desk: Desk, pbx: FakePbx) -> None:
    pbx.add("731", "CSS-National")
    for _ in range(3):
        await desk.hold("user")
        await desk.look()
        await desk.hold("user", held=False)
        await desk.look()
    assert pbx.proofs == 1
    await desk.hold("user")
    await desk.look(after_s=5 * 3600)
    assert pbx.proofs == 2


# Faults -------------------------------------------------------------------------------------------


async def test_a_phone_system_that_is_away_is_tried_later_each_time_later(
    desk: Desk, pbx: FakePbx
) -> None:
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    delays = []
    for _ in range(8):
        pbx.faults.append("unavailable")
        await desk.look()
        next_try_at = (await desk.state()).next_try_at
        assert next_try_at is not None
        delays.append((next_try_at - desk.now).total_seconds())
        desk.now = next_try_at
    assert delays == [1, 2, 4, 8, 15, 15, 15, 15]
    assert await desk.alarms() == []
    assert (await desk.look()).actual == "locked"
    assert (await desk.state()).attempt == 0


async def test_being_throttled_honours_the_time_that_was_named(desk: Desk, pbx: FakePbx) -> None:
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    pbx.faults.append("throttled")
    view = await desk.look()
    assert view.error == "too many requests"
    assert (await desk.look(after_s=4)).actual == "unknown"
    assert (await desk.look(after_s=1)).actual == "locked"


@pytest.mark.parametrize("held", [True, False])
async def test_a_lost_answer_is_settled_by_reading_back(
    desk: Desk, pbx: FakePbx, held: Any
) -> None:
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    if not held:
        await desk.look()
        await desk.hold("user", held=False)
    pbx.faults.extend(["", "lost after"] if not held else ["", "", "", "lost after"])
    assert (await desk.look()).actual == ("locked" if held else "unlocked")
    assert len(pbx.writes) == (1 if held else 2)


async def test_a_release_whose_answer_and_reading_back_are_lost_is_no_drift(
    desk: Desk, pbx: FakePbx
) -> None:
    """The line has its own rights again, we do not know it, and somebody locks it anew."""
    pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.look()
    await desk.hold("user", held=False)
    pbx.faults.extend(["", "lost after", "unavailable"])
    assert (await desk.look()).actual == "unknown"
    await desk.hold("admin")
    assert (await desk.look(after_s=60)).actual == "locked"
    assert await desk.alarms() == []


async def test_a_crash_between_writing_and_recording_is_found_again(
    desk: Desk, pbx: FakePbx
) -> None:
    line = pbx.add("731", "CSS-National")
    await desk.hold("user")
    pbx.faults.extend(["", "", "", "lost after", "unavailable"])
    assert (await desk.look()).actual == "unknown"
    assert pbx.rights(line) == "CSS-Lock"
    desk.restart()
    assert (await desk.look(after_s=60)).actual == "locked"
    assert len(pbx.writes) == 1
    await desk.hold("user", held=False)
    await desk.look()
    assert pbx.rights(line) == "CSS-National"


# Drift --------------------------------------------------------------------------------------------


async def test_a_locked_line_changed_by_hand_is_left_alone_with_an_alarm(
    desk: Desk, pbx: FakePbx
) -> None:
    line = pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.look()
    pbx.edit(line, "CSS-World")
    assert (await desk.look(CheckLine())).actual == "drift"
    assert await desk.alarms() == ["line_drift"]
    await desk.hold("user", held=False)
    view = await desk.look()
    assert view.actual == "drift"
    assert "CSS-World" in (view.error or "")
    assert pbx.rights(line) == "CSS-World"
    assert len(pbx.writes) == 1
    # Put back by hand: it agrees again, and the alarm goes.
    pbx.edit(line, "CSS-National")
    view = await desk.look(CheckLine())
    assert (view.actual, view.error) == ("unlocked", None)
    assert await desk.alarms() == []


async def test_drift_clears_when_the_lock_is_put_back_by_hand(desk: Desk, pbx: FakePbx) -> None:
    line = pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.look()
    pbx.edit(line, "CSS-National")
    assert (await desk.look(CheckLine())).actual == "drift"
    pbx.edit(line, "CSS-Lock")
    assert (await desk.look(CheckLine())).actual == "locked"
    await desk.hold("user", held=False)
    assert (await desk.look()).actual == "unlocked"
    assert pbx.rights(line) == "CSS-National"


async def test_a_line_locked_by_hand_is_not_ours_to_release(desk: Desk, pbx: FakePbx) -> None:
    line = pbx.add("731", "CSS-National")
    await desk.hold("user")
    await desk.look()
    await desk.hold("user", held=False)
    await desk.look()
    pbx.edit(line, "CSS-Lock")
    assert (await desk.look(CheckLine())).actual == "drift"
    await desk.hold("user")
    assert (await desk.look()).actual == "drift"
    assert pbx.rights(line) == "CSS-Lock"
    pbx.edit(line, "CSS-World")
    assert (await desk.look(CheckLine())).actual == "locked"
    assert pbx.rights(line) == "CSS-Lock-World"


# What a command names -----------------------------------------------------------------------------


async def test_a_bare_number_means_the_one_extension_there_is(
    database: Database, company: Plant
) -> None:
    async def known(text: str) -> Any:
        return [str(key) for key in await database.unit_of_work(locks.known, text)]

    assert await known("731") == ["731"]
    assert await known("731@PT-Milano") == ["731"]
    assert await known("999") == []

    async def own(connection: Connection) -> None:
        await connection.execute("delete from extension_owner where extension = '731'")
        await connection.executemany(
            "insert into extension_owner (extension, partition, person_id) values ('731', $1, 1)",
            [("A",), ("B",)],
        )

    await database.unit_of_work(own)
    assert await known("731") == ["731@A", "731@B"]
    assert await known("731@B") == ["731@B"]
    assert await known("731@C") == []
