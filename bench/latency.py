"""Reaction: from the moment a call-record file is closed to the lock at the phone system."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import trio

from actors.house import Outside, open_house
from actors.inbox import InboxSettings, InboxWatch
from actors.messages import SetHold
from bench.company import a_company
from daemon.demo.lab import lab_company
from pbx.cucm.axl import AxlSettings, open_axl
from pbx.cucm.cdr import CucmRecords
from pbx.lab.cast import Wish
from pbx.lab.company import CSS_LOCKED
from pbx.lab.lab import Lab, open_lab
from storage import budgets
from storage.budgets import BudgetSpec
from storage.database import Connection, Database
from telephony.clock import system_clock
from telephony.plant import ExtensionKey

BAR_S = 1.0
FILES_A_MINUTE = 100
SAMPLES = 50


def run(samples: int = SAMPLES) -> dict[str, object]:
    """Calls end, a hundred files a minute; every other one uses up its caller's budget."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-bench-"))
    try:
        waits = trio.run(_measure, folder, samples)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    waits.sort()
    p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    return {
        "files_a_minute": FILES_A_MINUTE,
        "locks": len(waits),
        "median_s": round(statistics.median(waits), 3),
        "p99_s": round(p99, 3),
        "worst_s": round(waits[-1], 3),
        "bar_s": BAR_S,
        "passed": p99 < BAR_S,
    }


async def _measure(folder: Path, samples: int) -> list[float]:
    inbox = folder / "inbox"
    inbox.mkdir()
    async with a_company(folder) as (database, _), _running(database, folder, inbox) as lab:
        people = await database.unit_of_work(_people)
        waits: list[float] = []
        pace = 60.0 / FILES_A_MINUTE
        for number in range(samples):
            extension, login = people[number % len(people)]
            due = trio.current_time() + 2 * pace
            spent = await database.unit_of_work(_spent, login)
            await _daily_budget(database, login, spent + Decimal("0.001"))
            await lab.place(Wish("02998877", people[(number + 7) % len(people)][0], 5))
            await trio.sleep_until(due - pace)
            began = time.perf_counter()
            await lab.place(Wish(extension, "000442079460000", 600))
            waits.append(await _locked(lab, extension) - began)
            await _daily_budget(database, login, Decimal(100_000))
            with trio.fail_after(30):
                while (lab.line(extension) or {})["locked"]:  # noqa: ASYNC110 - the lab has no event
                    await trio.sleep(0.01)
            await trio.sleep_until(due)
        return waits


@asynccontextmanager
async def _running(database: Database, folder: Path, inbox: Path) -> AsyncIterator[Lab]:
    settings = InboxSettings(inbox, folder / "archive", 1)
    watch = InboxWatch(database, system_clock, CucmRecords(), settings)
    async with open_lab(lab_company(), inbox=inbox, seed=1) as lab:
        axl = AxlSettings(
            url=lab.axl_url,
            username=lab.credentials.axl_username,
            password=lab.credentials.axl_password,
            default_lock_css=CSS_LOCKED,
        )
        async with (
            open_axl(axl) as lines,
            open_house(database, system_clock, Outside(locker=lines)) as house,
            trio.open_nursery() as nursery,
        ):
            await nursery.start(watch.run)
            # The emergency numbers are proved before the first lock; that is no part of a lock.
            key = ExtensionKey("700")
            for held in (True, False):
                await house.locks.ask(key, SetHold("user", held, by=None))
                with trio.fail_after(30):
                    while bool((lab.line("700") or {})["locked"]) != held:  # noqa: ASYNC110
                        await trio.sleep(0.01)
            yield lab
            nursery.cancel_scope.cancel()


async def _locked(lab: Lab, extension: str) -> float:
    """When the lock request had reached the phone system."""
    with trio.fail_after(30):
        while not (lab.line(extension) or {})["locked"]:  # noqa: ASYNC110 - as above
            await trio.sleep(0.002)
    return time.perf_counter()


async def _people(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch(
        """select o.extension, p.login from extension_owner o join person p on p.id = o.person_id
           where o.until_at is null and p.office = 'Milano' and o.extension <> '700'
           order by o.extension limit 20"""
    )
    return [(row["extension"], row["login"]) for row in rows]


async def _spent(connection: Connection, login: str) -> Decimal:
    return await connection.fetchval(
        """select coalesce(max(p.spent), 0) from budget_period p
           join budget_account a on a.id = p.account_id join person o on o.id = a.person_id
           join budget b on b.id = a.budget_id
           where o.login = $1 and b.period = 'daily' and p.closed_at is null""",
        login,
    )


async def _daily_budget(database: Database, login: str, amount: Decimal) -> None:

    spec = BudgetSpec("person", login, amount, "daily")
    await database.unit_of_work(budgets.set_budget, spec, datetime.now(UTC))
