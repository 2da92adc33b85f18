"""From a call-record file to a locked line on the phone system, with everything that can go wrong.

The real parts together: inbox, books, budgets, actors, AXL adapter; the phone system is the lab.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from books import state
from cdr_text import write
from fixtures_company import PEOPLE
from lab_parts import MILANO, axl_of
from test_ingest import a_leg, books_of

from actors.house import House, Outside, open_house
from actors.inbox import InboxSettings, InboxWatch
from actors.ingest import import_files
from actors.messages import SetHold
from daemon.embedded import embedded_server, revive
from pbx.cucm.cdr import CucmRecords
from pbx.lab.company import LabCompany, LabExtension
from pbx.lab.lab import Lab, open_lab
from storage import budgets, locks
from storage.budgets import BudgetSpec
from storage.database import Database, open_database
from storage.migrate import migrate
from storage.verify import verify
from telephony.clock import system_clock
from telephony.plant import ExtensionKey

pytestmark = pytest.mark.slow

NUMBERS = [person.extension.number for person in PEOPLE]
LAB = LabCompany(
    sites=(MILANO,),
    extensions=tuple(
        LabExtension(p.extension.number, p.login, f"{p.first_name} {p.last_name}", "Milano")
        for p in PEOPLE
    ),
)
PATIENCE_S = 40.0


@dataclass
class Chain:
    database: Database
    lab: Lab
    house: House
    inbox: Path
    calls: int = 0

    def call(self, extension: str, seconds: int = 60) -> None:
        """An outside call of this extension ends now."""
        self.calls += 1
        now = int(datetime.now(UTC).timestamp())
        leg = a_leg(
            self.calls,
            calling=extension,
            originated=now - seconds - 1,
            connected=now - seconds,
            disconnected=now,
            duration_s=seconds,
        )
        write(self.inbox, [leg], sequence=self.calls)

    async def until(self, check: Callable[[], Awaitable[bool]]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not await check():  # noqa: ASYNC110 - a row has no event
                await trio.sleep(0.02)

    async def until_locked(self, extensions: Sequence[str], *, locked: bool = True) -> None:
        async def agreed() -> bool:
            return all((self.lab.line(e) or {})["locked"] == locked for e in extensions)

        await self.until(agreed)

    async def until_settled(self) -> None:
        """Every wanted lock in place, every unwanted one gone, and nothing left to try."""

        async def settled() -> bool:
            views = [await self.database.unit_of_work(locks.view, key(e)) for e in NUMBERS]
            return all(
                view.locked == (view.actual == "locked")
                and bool((self.lab.line(view.extension.number) or {})["locked"]) == view.locked
                for view in views
            )

        await self.until(settled)


def key(extension: str) -> ExtensionKey:
    return ExtensionKey(extension)


@asynccontextmanager
async def a_chain(database: Database, tmp_path: Path) -> AsyncIterator[Chain]:
    inbox = tmp_path / "inbox"
    inbox.mkdir(exist_ok=True)
    settings = InboxSettings(inbox, tmp_path / "archive", 400, rescan_every_s=1.0)
    watch = InboxWatch(database, system_clock, CucmRecords(), settings)
    lab_inbox = tmp_path / "lab"
    lab_inbox.mkdir(exist_ok=True)
    async with (
        open_lab(LAB, inbox=lab_inbox, seed=1) as lab,
        axl_of(lab, timeout_s=1.0) as lines,
        open_house(database, system_clock, Outside(locker=lines), jitter=lambda s: s / 4) as house,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(watch.run)
        yield Chain(database, lab, house, inbox)
        nursery.cancel_scope.cancel()


async def a_budget_each(database: Database, amount: str) -> None:
    for person in PEOPLE:
        spec = BudgetSpec("person", person.login, Decimal(amount), "monthly")
        await database.unit_of_work(budgets.set_budget, spec, system_clock())


async def test_a_spent_budget_locks_and_a_raised_one_unlocks(
    database: Database, tmp_path: Path
) -> None:
    await books_of(database)
    await a_budget_each(database, "0.60")
    async with a_chain(database, tmp_path) as chain:
        chain.call("731")
        await chain.until_locked(["731"])
        assert not any((chain.lab.line(e) or {})["locked"] for e in NUMBERS if e != "731")
        await a_budget_each(database, "5.00")
        await chain.until_locked(["731"], locked=False)
        assert (chain.lab.line("731") or {})["css"] == "CSS-Unlocked-Milano"
        assert not (await database.unit_of_work(verify)).differences


@pytest.mark.parametrize("fault", ["503", "slow", "cut", "fault"])
async def test_every_wanted_lock_arrives_whatever_the_phone_system_does(
    database: Database, tmp_path: Path, fault: Any
) -> None:
    await books_of(database)
    await a_budget_each(database, "0.60")
    async with a_chain(database, tmp_path) as chain:
        for person in ("732", "741"):
            await chain.house.locks.ask(key(person), SetHold("user", True, by=None))
        await chain.until_locked(["732", "741"])
        chain.lab.set_axl_fault(fault)
        for extension in NUMBERS:
            chain.call(extension)

        async def all_held() -> bool:
            views = [await database.unit_of_work(locks.view, key(e)) for e in NUMBERS]
            return all("budget" in [hold.kind for hold in view.holds] for view in views)

        await chain.until(all_held)
        await chain.house.locks.ask(key("741"), SetHold("user", False, by=None))
        chain.lab.set_axl_fault(None)
        await chain.until_settled()
        await chain.until_locked(NUMBERS)

        # Released under the same fault: only what nobody holds any more is let go.
        chain.lab.set_axl_fault(fault)
        await a_budget_each(database, "50.00")
        chain.lab.set_axl_fault(None)
        await chain.until_locked([e for e in NUMBERS if e != "732"], locked=False)
        await chain.until_settled()
        assert (chain.lab.line("732") or {})["locked"]
        assert not (await database.unit_of_work(verify)).differences


@pytest.mark.parametrize("stops", [3])
async def test_a_database_that_is_killed_under_load_loses_nothing(
    database: Database, tmp_path: Path, stops: int
) -> None:
    rng = random.Random(11)
    legs = [a_leg(n, calling=rng.choice(NUMBERS)) for n in range(1, 241)]
    parts = [legs[at : at + 4] for at in range(0, len(legs), 4)]
    await books_of(database)
    clean = tmp_path / "clean"
    clean.mkdir()
    paths = [write(clean, part, sequence=n) for n, part in enumerate(parts, start=1)]
    await import_files(database, CucmRecords(), paths)
    wanted = await state(database)
    data = tmp_path / "data"
    async with (
        embedded_server(data, say=lambda _: None) as dsn,
        open_database(dsn, max_size=4) as own,
    ):
        await own.unit_of_work(migrate)
        await books_of(own)
        async with a_chain(own, tmp_path) as chain:
            for number, part in enumerate(parts, start=1):
                write(chain.inbox, part, sequence=number)
                if number % (len(parts) // stops) == 0:
                    os.kill(_postmaster(data), signal.SIGKILL)
                    await trio.sleep(0.3)
                    await _revived(data)

            async def all_taken() -> bool:
                return not list(chain.inbox.iterdir())

            await chain.until(all_taken)
        assert await state(own) == wanted
        assert not (await own.unit_of_work(verify)).differences
    assert wanted["legs"][1] == 240


def _postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split()[0])


async def _revived(data: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        await revive(data, say=lambda _: None)
