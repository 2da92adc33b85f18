"""Deadlines, repairs and messages in a running house, on the real database and the real clock."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import trio
from fake_pbx import FakePbx, FakeScreen

from actors.budget import BudgetActor
from actors.bus import RESYNC, Bus, Change
from actors.house import Outside, open_house
from actors.messages import SetHold
from actors.registry import Registry
from actors.scheduler import Scheduler
from storage import budgets, due, ledger, locks
from storage.budgets import BudgetSpec
from storage.database import Connection, Database
from storage.ledger import LedgerEntry
from storage.viewer import Viewer
from telephony.clock import system_clock
from telephony.plant import ExtensionKey, Plant

KEY = ExtensionKey("731")


class Wheel:
    """A clock that runs, and can be turned forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


class Scene:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.pbx = FakePbx()
        self.screen = FakeScreen()
        self.clock = Wheel()

    @asynccontextmanager
    async def running(self) -> Any:
        outside = Outside(locker=self.pbx, screen=self.screen)
        async with open_house(self.database, self.clock, outside, jitter=lambda s: s / 10) as house:
            yield house

    async def do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.database.unit_of_work(work, *args, **kwargs)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: Any = 20) -> Any:
        """Wait for a condition; the time it took."""
        started = trio.current_time()
        with trio.fail_after(seconds):
            while not await condition():  # noqa: ASYNC110 - a row has no event
                await trio.sleep(0.005)
        return trio.current_time() - started

    async def is_actually(self, actual: str, key: Any = KEY) -> Any:
        return (await self.do(locks.view, key)).actual == actual

    async def until_actual(self, actual: str, seconds: Any = 20) -> Any:
        async def reached() -> Any:
            return await self.is_actually(actual)

        return await self.until(reached, seconds)

    async def charge(self, amount: str, login: Any = "asonnino") -> None:
        async def post(connection: Connection) -> None:
            person = await connection.fetchrow("select * from person where login = $1", login)
            entry = LedgerEntry(
                str(uuid.uuid4()), 1, "charge", "731", person["id"], person["department"],
                person["cost_centre"], Decimal(amount), "EUR", self.clock(),
            )  # fmt: skip
            await ledger.post(connection, [entry])

        await self.do(post)

    async def set_budget(self, amount: str = "10", period: Any = "monthly") -> Any:
        spec = BudgetSpec("person", "asonnino", Decimal(amount), period)
        return await self.do(budgets.set_budget, spec, self.clock())


@pytest.fixture
async def scene(database: Database, company: Plant) -> Any:
    return Scene(database)


async def test_a_call_that_uses_a_budget_up_locks_the_phone_within_a_second(scene: Scene) -> None:
    scene.pbx.add("731", "CSS-National")
    await scene.set_budget()
    async with scene.running() as house:
        async with house.bus.subscribe(lambda change: change.topic == "account") as changes:
            with trio.fail_after(20):
                assert await anext(changes) == RESYNC  # the house listens now
            await scene.charge("10")
            assert await scene.until_actual("locked") < 1
            with trio.fail_after(5):
                assert (await anext(changes)).topic == "account"

        async def told() -> Any:
            return bool(scene.screen.shown)

        await scene.until(told)


async def test_holds_of_other_processes_are_acted_on_within_a_second(scene: Scene) -> None:
    """As `ringfence lock 731` beside the daemon does it."""
    line = scene.pbx.add("731", "CSS-National")
    async with scene.running() as house:
        async with house.bus.subscribe(lambda _: True) as changes:
            with trio.fail_after(20):
                assert await anext(changes) == RESYNC
        for held, actual in ((True, "locked"), (False, "unlocked")):
            await scene.do(
                locks.set_hold, KEY, "admin", held=held, by=None, source="", now=scene.clock()
            )
            assert await scene.until_actual(actual) < 1
    assert scene.pbx.rights(line) == "CSS-National"


async def test_whoever_locks_is_answered_at_once_however_slow_the_phone_system_is(
    scene: Scene,
) -> None:
    scene.pbx.add("731", "CSS-National")
    scene.pbx.delay_s = 1.0
    async with scene.running() as house:
        for held in (True, False, True):
            with trio.fail_after(1):
                view = await house.locks.ask(KEY, SetHold("user", held), timeout_s=1)
            assert isinstance(view, locks.LockView)
            assert view.locked is held
        await scene.until_actual("locked")


async def test_a_line_that_could_not_be_locked_is_tried_again_when_due(scene: Scene) -> None:
    scene.pbx.add("731", "CSS-National")
    scene.pbx.faults.extend(["unavailable", "unavailable"])
    async with scene.running() as house:
        await house.locks.ask(KEY, SetHold("user", held=True))
        took = await scene.until_actual("locked")
    assert 2.5 < took < 8  # after one second, then two


async def test_a_hold_placed_while_the_daemon_was_away_is_found_at_start(scene: Scene) -> None:
    scene.pbx.add("731", "CSS-National")
    await scene.do(locks.set_hold, KEY, "user", held=True, by=None, source="", now=scene.clock())
    async with scene.running():
        await scene.until_actual("locked")


async def test_a_refused_line_is_tried_again_at_start(scene: Scene) -> None:
    await scene.do(locks.set_hold, KEY, "user", held=True, by=None, source="", now=scene.clock())
    async with scene.running():

        async def refused() -> Any:
            return (await scene.do(locks.view, KEY)).error is not None

        await scene.until(refused)
    scene.pbx.add("731", "CSS-National")
    async with scene.running():
        await scene.until_actual("locked")


async def test_the_reconciler_sees_a_line_changed_by_hand(scene: Scene) -> None:
    line = scene.pbx.add("731", "CSS-National")
    await scene.do(locks.set_hold, KEY, "user", held=True, by=None, source="", now=scene.clock())
    async with scene.running():
        await scene.until_actual("locked")
    scene.pbx.edit(line, "CSS-World")
    async with scene.running():
        await scene.until_actual("drift")


async def test_a_period_that_ends_lets_the_phone_go_by_itself(scene: Scene) -> None:
    scene.pbx.add("731", "CSS-National")
    await scene.set_budget("1", "daily")
    await scene.charge("1")
    async with scene.running() as house:
        await scene.until_actual("locked")
        [view] = await scene.do(budgets.for_person, Viewer(1, "own"), scene.clock())
        scene.clock.ahead = view.ends_at - system_clock()
        house.bus.publish("due", "-")
        await scene.until_actual("unlocked")
        [view] = await scene.do(budgets.for_person, Viewer(1, "own"), scene.clock())
    assert view.spent == 0


async def test_the_end_of_a_spent_period_is_told_on_both_channels(scene: Scene) -> None:
    async def told(connection: Connection) -> list[tuple[str, str]]:
        rows = await connection.fetch("select kind, channel from notification order by id")
        return [(row["kind"], row["channel"]) for row in rows]

    scene.pbx.add("731", "CSS-National")
    await scene.set_budget("1", "daily")
    await scene.charge("1")
    async with scene.running() as house:
        await scene.until_actual("locked")
        before = await scene.do(told)
        [view] = await scene.do(budgets.for_person, Viewer(1, "own"), scene.clock())
        scene.clock.ahead = view.ends_at - system_clock()
        house.bus.publish("due", "-")
        await scene.until_actual("unlocked")
    assert (await scene.do(told))[len(before) :] == [
        ("end_period", "mail"),
        ("end_period", "phone"),
        ("phone_unlocked", "mail"),
        ("phone_unlocked", "phone"),
    ]


async def test_people_who_move_get_their_budgets_at_once(scene: Scene) -> None:
    spec = BudgetSpec("department", "Support", Decimal(5), "monthly", each=True)
    await scene.do(budgets.set_budget, spec, scene.clock())

    async def move(connection: Connection) -> None:
        await connection.execute("update person set department = 'Support' where id = 1")
        await connection.execute("select pg_notify('ringfence', 'company -')")

    async with scene.running() as house:
        async with house.bus.subscribe(lambda _: True) as changes:
            with trio.fail_after(20):
                assert await anext(changes) == RESYNC
        await scene.do(move)

        async def has_budget() -> Any:
            return bool(await scene.do(budgets.for_person, Viewer(1, "own"), scene.clock()))

        await scene.until(has_budget)


async def test_the_house_listens_again_after_its_connection_was_cut(scene: Scene) -> None:
    scene.pbx.add("731", "CSS-National")

    async def cut(connection: Connection) -> None:
        await connection.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where pid <> pg_backend_pid() and datname = current_database()
            """
        )

    def wants(change: Change) -> bool:
        return change.topic == "line"

    async with scene.running() as house, house.bus.subscribe(wants) as changes:
        with trio.fail_after(20):
            assert await anext(changes) == RESYNC
        await scene.do(cut)
        with trio.fail_after(20):
            assert await anext(changes) == RESYNC  # lost
            while house.bus.watchers < 5:  # noqa: ASYNC110 - as above
                await trio.sleep(0.01)

        async def place_again_and_again() -> Any:
            for kind in ("user", "admin"):
                await scene.do(
                    locks.set_hold, KEY, kind, held=True, by=None, source="",
                    now=scene.clock(),
                )  # fmt: skip
            return await scene.is_actually("locked")

        await scene.until(place_again_and_again)


async def test_what_is_due_and_what_comes_next(scene: Scene) -> None:
    now = scene.clock()
    assert await scene.do(due.due, now) == due.Due((), (), None)
    await scene.set_budget(period="daily")
    found = await scene.do(due.due, now)
    assert found.accounts == ()
    assert found.next_at is not None
    assert now < found.next_at <= now + timedelta(hours=25)
    later = await scene.do(due.due, found.next_at)
    assert (later.accounts, later.next_at) == ((1,), None)


async def test_the_scheduler_sleeps_until_the_next_instant(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        registry = Registry(
            "nobody", nursery, lambda _key: BudgetActor(0, scene.database, scene.clock)
        )
        scheduler = Scheduler(scene.database, scene.clock, Bus(), registry, registry)
        assert await scheduler._wake_due() == 60.0
        await scene.set_budget(period="daily")
        [view] = await scene.do(budgets.for_person, Viewer(1, "own"), scene.clock())
        seconds = await scheduler._wake_due()
        assert abs(seconds - (view.ends_at - scene.clock()).total_seconds()) < 5
        assert registry.spawned == 0
        nursery.cancel_scope.cancel()
