"""The house: what pages and actors share, put together and taken down in one place.

`open_house` starts the tasks that keep it level: the listener, the scheduler, the reconciler, the
mailer, the day totals. Actors come and go by themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import trio

from actors.analytic_copy import AnalyticCopy
from actors.budget import BudgetActor
from actors.bus import Bus
from actors.day_totals import DayTotals
from actors.directory import DirectoryAccess, DirectoryService
from actors.directory_sync import DirectorySync
from actors.listener import listen
from actors.lock import LineActor, LockActor
from actors.mailer import Mailer, MailSettings
from actors.proof import Proofs
from actors.reconcile import Reconciler
from actors.registry import Registry
from actors.report_jobs import ReportJobs
from actors.report_mail import ReportMailer
from actors.report_maker import ReportMaker
from actors.report_schedules import KEEP_RESULTS, MakeReport, ReportSchedules
from actors.scheduler import Scheduler
from actors.supervision import Jitter, spread, supervise
from pbx.port import LineLocker, PhoneScreen
from reports.running import Reports
from storage.alarms import raise_alarm
from storage.database import Database
from storage.facts.copy import open_copy
from storage.facts.engine import IN_MEMORY, EngineSettings
from telephony.clock import Clock
from telephony.plant import ExtensionKey
from words.language import DEFAULT

DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class House:
    """What the pages are given. `locks` answers for holds, `lines` makes the phone system agree."""

    database: Database
    clock: Clock
    bus: Bus
    locks: Registry[ExtensionKey]
    budgets: Registry[int]
    reports: Reports
    report_jobs: ReportJobs
    lines: Registry[ExtensionKey] | None = None
    screen: PhoneScreen | None = None
    directory: DirectoryService | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """The world outside the house; None where the company has not configured that part.

    `sample_numbers` are outside numbers, as dialled with the outside prefix, that a locked line
    must not reach, beside the ones taken from the country's numbering plan.
    """

    locker: LineLocker | None = None
    screen: PhoneScreen | None = None
    mail: MailSettings | None = None
    sample_numbers: tuple[str, ...] = field(default=())
    reconcile_every_s: float = 60.0
    directory: DirectoryAccess | None = None
    analytic: EngineSettings = IN_MEMORY
    make_report: MakeReport | None = None
    keep_results: timedelta = KEEP_RESULTS


@asynccontextmanager
async def open_house(
    database: Database, clock: Clock, outside: Outside, *, jitter: Jitter = spread
) -> AsyncGenerator[House]:
    """Run a house for as long as the block lasts.

    At the end no new message is taken and actors get five seconds to finish what waits. Raises
    `GaveUp`, in a group, where one of the house's own tasks fails too often.
    """
    async with (
        open_copy(database, outside.analytic) as copy,
        trio.open_nursery() as nursery,
    ):
        reports = Reports(copy, database, clock)
        await reports.answers.prepare()
        house = _build(database, clock, outside, nursery, jitter, reports)
        async with trio.open_nursery() as tasks:
            for name, run in _tasks(house, outside):
                tasks.start_soon(partial(supervise, name, run, jitter=jitter))
            yield house
            tasks.cancel_scope.cancel()
        until = trio.current_time() + DRAIN_S
        for registry in (house.budgets, house.locks, house.lines):
            if registry is not None:
                await registry.drain(max(0.0, until - trio.current_time()))
        nursery.cancel_scope.cancel()


def _build(
    database: Database,
    clock: Clock,
    outside: Outside,
    nursery: trio.Nursery,
    jitter: Jitter,
    reports: Reports,
) -> House:
    async def quarantined(registry: str, key: str, error: Exception) -> None:
        params = {"actor": f"{registry} {key}", "why": str(error)}
        name = f"actor:{registry}:{key}"
        await database.unit_of_work(raise_alarm, name, "quarantined", params, clock())

    proofs = Proofs(clock, outside.sample_numbers)

    def line(key: ExtensionKey) -> LineActor:
        return LineActor(key, database, clock, outside.locker, proofs)

    def lock(key: ExtensionKey) -> LockActor:
        return LockActor(key, database, clock, lines.hint)

    def budget(account_id: int) -> BudgetActor:
        return BudgetActor(account_id, database, clock)

    lines = Registry("line", nursery, line, jitter=jitter, quarantined=quarantined)
    return House(
        database=database,
        clock=clock,
        bus=Bus(),
        locks=Registry("lock", nursery, lock, jitter=jitter, quarantined=quarantined),
        budgets=Registry("budget", nursery, budget, jitter=jitter, quarantined=quarantined),
        reports=reports,
        report_jobs=ReportJobs(nursery, reports, database, clock),
        lines=lines,
        screen=outside.screen,
        directory=outside.directory and DirectoryService(database, clock, outside.directory),
    )


def _tasks(house: House, outside: Outside) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
    reconciler = Reconciler(
        house.database,
        house.clock,
        house.bus,
        house.locks,
        house.budgets,
        outside.locker,
        every_s=outside.reconcile_every_s,
    )
    follower = house.directory and DirectorySync(house.database, house.clock, house.directory)
    hint_directory = follower.hint if follower else None
    language = outside.mail.default_language if outside.mail else DEFAULT
    maker = ReportMaker(house.reports, house.database, house.clock, language)
    schedules = ReportSchedules(
        house.database, house.clock, outside.make_report or maker, keep_results=outside.keep_results
    )
    scheduler = Scheduler(
        house.database,
        house.clock,
        house.bus,
        house.locks,
        house.budgets,
        hint_directory,
        schedules.hint,
    )
    mailer = Mailer(house.database, house.clock, house.bus, outside.mail, outside.screen)
    report_mailer = ReportMailer(house.database, house.clock, house.bus, outside.mail)
    tasks: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("listener", partial(listen, house.database, house.bus, house.locks, house.budgets)),
        ("reconciler", reconciler.run),
        ("scheduler", scheduler.run),
        ("mailer", mailer.run),
        ("report schedules", schedules.run),
        ("report mailer", report_mailer.run),
        ("day totals", DayTotals(house.database, house.clock).run),
        ("analytic copy", AnalyticCopy(house.reports.copy, house.bus).run),
    ]
    if follower is not None:
        tasks.append(("directory", follower.run))
    return tuple(tasks)
