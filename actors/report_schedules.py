"""Runs reports when their time has come and queues their mails.

A report is run as its owner may see it now. Running changes nothing; then, in one transaction, the
mails are queued and the schedule is given its next time. A daemon killed in between runs it again
under the same key, which queues nothing twice. What was missed while nobody ran is run once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import trio

from reports.recurrence import Recurrence, next_after
from storage import people, report_due, report_mail, report_runs
from storage.database import (
    Connection,
    Database,
    StorageConflict,
    StorageError,
    StorageUnavailable,
)
from storage.facts.copy import NotReady
from storage.facts.engine import TooSlow
from storage.people import Person
from storage.report_mail import Parcel, ReportFile
from storage.report_runs import NewRun
from storage.report_schedule_types import Schedule, ScheduleDraft, Settled, Verdict
from storage.viewer import Viewer
from telephony.clock import Clock, iso_z
from telephony.errors import RingfenceError

AT_ONCE = 4
"""Schedules that run at one time, so that a slow one keeps no other waiting."""

LONGEST_RUN_S = 600.0
PAUSES_S = (10.0, 30.0, *[60.0] * 7)
"""Between attempts while the database cannot be reached, or the daemon has just begun."""

RESULTS_KEPT = 30
"""Of one schedule: what is sent every five minutes fills no disk."""

PLACEHOLDER = "[[FILTER]]"

_log = logging.getLogger("ringfence.report_schedules")


class Made(NamedTuple):
    """A report that was run for somebody: its file, and what is said of it in their language.

    `rows` counts what is in it; 0 is an empty report. `filters` is what it was narrowed to, as
    lines of plain text; `subject` its title and period in one line; `language` a code.
    """

    file: ReportFile
    rows: int
    filters: str
    subject: str
    language: str


KEEP_RESULTS = timedelta(days=30)


class MakeReport(Protocol):
    """Runs a report as its owner may see it, into a file of the format the schedule says.

    Raises `RingfenceError` with why it cannot be run, in a line that its owner will read.
    """

    async def __call__(self, owner: Person, schedule: Schedule) -> Made:
        """Run it; may be cancelled at any time."""
        ...


@dataclass(frozen=True, slots=True)
class _Ran:
    """What came of an attempt; `made` is None where nothing was."""

    verdict: Verdict
    details: Mapping[str, str]
    made: Made | None = None


def recurrence_of(draft: ScheduleDraft) -> Recurrence:
    """When a schedule runs."""
    return Recurrence(draft.starts_local, draft.zone, draft.every, draft.unit)


def filled(text: str, filters: str) -> str:
    """A person's words, with the filters in the place that was left for them."""
    return text.replace(PLACEHOLDER, filters)


def filled_line(text: str, filters: str) -> str:
    """The same in one line, as a subject is."""
    lines = (line.strip() for line in filters.splitlines())
    return " ".join(filled(text, " · ".join(line for line in lines if line)).split())


class ReportSchedules:
    """One task that runs what is due, a few at a time.

    Results are kept in their owners' history for `keep_results`.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        make: MakeReport,
        keep_results: timedelta = KEEP_RESULTS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._make = make
        self._keep_results = keep_results
        self._wake = trio.Event()
        self._running: set[int] = set()

    def hint(self) -> None:
        """Look whether a schedule is due. Never blocks; many hints are one."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        failures: list[RingfenceError] = []
        async with trio.open_nursery() as nursery:
            while not failures:
                self._wake = trio.Event()
                await self._begin_due(nursery, failures)
                await self._wake.wait()
            nursery.cancel_scope.cancel()
        raise failures[0]

    async def _begin_due(self, nursery: trio.Nursery, failures: list[RingfenceError]) -> None:
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return
        try:
            busy = tuple(self._running)
            due = await self._database.unit_of_work(report_due.due, self._clock(), busy, free)
        except (StorageUnavailable, StorageError) as error:
            failures.append(error)
            self.hint()
            return
        for schedule in due:
            self._running.add(schedule.id)
            nursery.start_soon(self._work_one, schedule, failures)

    async def _work_one(self, schedule: Schedule, failures: list[RingfenceError]) -> None:
        try:
            await self.work(schedule)
        except (StorageUnavailable, StorageError) as error:
            failures.append(error)  # as it is, and not in a group
        finally:
            self._running.discard(schedule.id)
            self.hint()

    async def work(self, schedule: Schedule) -> None:
        """Run one schedule and settle it. Raises what the database raises as it is settled."""
        began_at, began = self._clock(), trio.current_time()
        owner = await self._database.unit_of_work(people.by_id, schedule.person_id)
        if owner is None or owner.disabled:
            stopped = Settled("owner_disabled", None, goes_on=False)
            await self._database.unit_of_work(report_due.settle, schedule, stopped, self._clock())
            return
        ran = await self._run(owner, schedule)
        took_ms = int((trio.current_time() - began) * 1000)
        try:
            await self._settle(owner, schedule, ran, began_at, took_ms)
        except (StorageConflict, StorageError) as error:  # too large to be mailed, for one
            _log.warning("scheduled report not kept", extra={"why": str(error)})
            refused = _Ran("failed", {"why": str(error)})
            await self._settle(owner, schedule, refused, began_at, took_ms)

    async def _run(self, owner: Person, schedule: Schedule) -> _Ran:
        about = {"schedule": schedule.id}
        with trio.move_on_after(LONGEST_RUN_S):
            try:
                made = await self._make_patiently(owner, schedule)
            except RingfenceError as error:
                _log.warning("scheduled report failed", extra=about | {"why": str(error)})
                return _Ran("failed", {"why": str(error)})
            except Exception as error:  # noqa: BLE001 - one report that fails stops no other
                _log.warning("scheduled report failed", extra=about, exc_info=error)
                return _Ran("failed", {"why": type(error).__name__})
            if not made.rows and schedule.draft.skip_empty:
                return _Ran("empty", {}, made)
            return _Ran("sent", {"addresses": str(len(schedule.draft.addresses))}, made)
        _log.warning("scheduled report was too slow", extra=about)
        return _Ran("slow", {"minutes": str(int(LONGEST_RUN_S) // 60)})

    async def _make_patiently(self, owner: Person, schedule: Schedule) -> Made:
        """Run it; a database that is away for a moment costs nobody the month's report."""
        for pause_s in PAUSES_S:
            try:
                return await self._make(owner, schedule)
            except TooSlow:  # and would be again
                raise
            except (StorageUnavailable, NotReady):
                await trio.sleep(pause_s)
        return await self._make(owner, schedule)

    async def _settle(
        self, owner: Person, schedule: Schedule, ran: _Ran, began_at: datetime, took_ms: int
    ) -> None:
        now, viewer = self._clock(), Viewer.of(owner)
        settled = Settled(ran.verdict, _next_at(schedule, began_at, now), ran.details)

        async def all_or_nothing(connection: Connection) -> None:
            if not await report_due.settle(connection, schedule, settled, now):
                return
            if ran.made is None:
                return
            run = self._run_of(schedule, ran.made, began_at, took_ms)
            await report_runs.add(connection, viewer, run)
            await report_runs.keep_last(connection, schedule.id, RESULTS_KEPT)
            if ran.verdict == "sent":
                await report_mail.queue(connection, viewer, _parcel(schedule, ran.made), now)

        await self._database.unit_of_work(all_or_nothing)

    def _run_of(self, schedule: Schedule, made: Made, began_at: datetime, took_ms: int) -> NewRun:
        draft = schedule.draft
        return NewRun(
            report=draft.report,
            options=draft.options,
            started_at=began_at,
            took_ms=took_ms,
            rows=made.rows,
            name=schedule.saved_name,
            saved_id=draft.saved_id,
            schedule_id=schedule.id,
            format=draft.format,
            result=made.file.content if made.rows and self._keep_results else None,
            kept_until=began_at + self._keep_results,
        )


def _next_at(schedule: Schedule, began_at: datetime, now: datetime) -> datetime | None:
    """When it runs next: what fell due while it ran for another reason is still to be run."""
    if not schedule.active:
        return None
    if schedule.next_at is not None and schedule.next_at > began_at:
        return schedule.next_at
    return next_after(recurrence_of(schedule.draft), now)


def _parcel(schedule: Schedule, made: Made) -> Parcel:
    draft, occasion_at = schedule.draft, schedule.occasion_at
    return Parcel(
        key=f"schedule:{schedule.id}:{iso_z(occasion_at) if occasion_at else ''}",
        addresses=draft.addresses,
        subject=filled_line(draft.subject, made.filters) or made.subject,
        body=filled(draft.body, made.filters),
        language=made.language,
        file=made.file,
        schedule_id=schedule.id,
    )
