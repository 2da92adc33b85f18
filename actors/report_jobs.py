"""Reports that run for somebody at a page: the page waits a moment, the run goes on without it.

A run has a token that nobody guesses and that opens it for whoever started it alone. While it is
kept, every page, every order and every file of it are of the very same rows. Each run that ends is
in its person's history, a small result with it.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import trio

from reports.definition import Report
from reports.document import Document
from reports.documents import document
from reports.kept_documents import MOST_ROWS, pack, seen_as
from reports.option_fields import to_json
from reports.options import Options
from reports.running import Reports, Run
from storage import report_runs
from storage.database import Database
from storage.facts.ask import Order
from storage.report_runs import NewRun
from storage.viewer import Viewer
from telephony.clock import Clock
from telephony.errors import RingfenceError
from words.formats import Reader

RUNNING_AT_ONCE = 3
"""Of one person: what is clicked again and again holds nobody else up."""

KEPT_OF_ONE, KEPT_OF_ALL = 6, 36
"""Finished runs whose rows can be read: fewer than the answers that are kept."""

KEPT_AFTER_S = 0.25
"""The page of a run is made first, which reads the same rows; then its result is kept."""

_log = logging.getLogger("ringfence.reports")


class TooManyRunning(RingfenceError):
    """This person has as many reports running as one may; nothing was started."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is run. `name` and `saved_id` are those of the saved report, where it is one."""

    report: Report
    options: Options
    name: str = ""
    saved_id: int | None = None


@dataclass(eq=False, slots=True)
class Job:
    """One run, under way or over: then it has a `run`, or the `error` that ended it.

    One that was cancelled before it was noted has neither.
    """

    token: str
    viewer: Viewer
    asked: Asked
    started_at: datetime
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    over: trio.Event = field(default_factory=trio.Event)
    kept: trio.Event = field(default_factory=trio.Event)
    run: Run | None = None
    error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.over.is_set()


class ReportJobs:
    """The runs of a process, in the nursery they live in: they end with the house."""

    def __init__(
        self, nursery: trio.Nursery, reports: Reports, database: Database, clock: Clock
    ) -> None:
        self._nursery = nursery
        self._reports = reports
        self._database = database
        self._clock = clock
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._threads = trio.CapacityLimiter(1)

    def start(self, viewer: Viewer, asked: Asked, reader: Reader, keep_days: int) -> Job:
        """Run a report; one of the same that is under way is joined. Raises `TooManyRunning`.

        `keep_days` is for how long its result is kept, where it is small enough.
        """
        running = self.running(viewer)
        for job in running:
            is_given_up = job.scope.cancel_called
            if job.asked == asked and job.viewer == viewer and not is_given_up:
                return job
        if len(running) >= RUNNING_AT_ONCE:
            raise TooManyRunning(f"{len(running)} reports of this person are running")
        job = Job(secrets.token_urlsafe(24), viewer, asked, self._clock())
        self._jobs[job.token] = job
        self._nursery.start_soon(partial(self._work, job, reader, timedelta(days=keep_days)))
        return job

    def find(self, token: str, viewer: Viewer) -> Job | None:
        """A run by its token; None where it is no longer kept, or is not the viewer's.

        One that was started while its person could see more, or less, is not theirs any more.
        """
        job = self._jobs.get(token)
        if job is None or job.viewer != viewer:
            return None
        self._jobs.move_to_end(token)
        return job

    def running(self, viewer: Viewer) -> list[Job]:
        """What is under way for a person, the newest first."""
        mine = (job for job in self._jobs.values() if job.viewer.person_id == viewer.person_id)
        return sorted(
            (job for job in mine if not job.is_over), key=lambda job: job.started_at, reverse=True
        )

    def cancel(self, job: Job) -> None:
        """End a run: it is over, without a result."""
        job.scope.cancel()

    def forget(self, job: Job) -> None:
        """Give a run up whose rows are gone."""
        self._jobs.pop(job.token, None)

    async def _work(self, job: Job, reader: Reader, keep: timedelta) -> None:
        """Whatever happens is the job's to tell: the house lives on."""
        asked = job.asked
        with job.scope:
            try:
                job.run = await self._reports.run(
                    job.viewer, asked.report, asked.options, reader, asked.name
                )
                run_id = await self._note(job, job.run)
            except Exception as error:  # noqa: BLE001 - told by the page that asks for the job
                job.error = error
                _log.warning("report failed", extra={"report": asked.report.id, "why": str(error)})
            else:
                job.over.set()
                await trio.sleep(KEPT_AFTER_S)
                await self._keep(job, job.run, run_id, reader, keep)
        job.over.set()
        job.kept.set()
        await self._make_room(job.viewer)

    async def _note(self, job: Job, run: Run) -> int:
        """Write the run into its person's history."""
        noted = NewRun(
            report=job.asked.report.id,
            options=to_json(job.asked.options),
            started_at=job.started_at,
            took_ms=int(run.took / timedelta(milliseconds=1)),
            rows=run.rows,
            name=job.asked.name,
            saved_id=job.asked.saved_id,
        )
        return await self._database.unit_of_work(report_runs.add, job.viewer, noted)

    async def _keep(self, job: Job, run: Run, run_id: int, reader: Reader, keep: timedelta) -> None:
        """Keep a small result beside the run; without it the history says that it was run."""
        if run.rows > MOST_ROWS or not keep:
            return
        try:
            whole = await whole_document(run, reader)
            packing = partial(pack, whole, seen_as(job.viewer))
            content = await trio.to_thread.run_sync(packing, limiter=self._threads)
            await self._database.unit_of_work(
                report_runs.keep_result, job.viewer, run_id, "page", content,
                job.started_at + keep,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - the house lives on without this result
            _log.warning("result not kept", extra={"run": run_id, "why": str(error)})

    async def _make_room(self, viewer: Viewer) -> None:
        """Give the longest unread runs up, their person's own first."""
        ended = [job for job in self._jobs.values() if job.is_over]
        for job in [job for job in ended if job.run is None][:-KEPT_OF_ALL]:
            self._jobs.pop(job.token, None)
        over = [job for job in ended if job.run is not None]
        mine = [job for job in over if job.viewer.person_id == viewer.person_id]
        for job in {*mine[:-KEPT_OF_ONE], *over[:-KEPT_OF_ALL]}:
            self._jobs.pop(job.token, None)
            if job.run is not None:
                try:
                    await self._reports.answers.forget(job.run.made.answer.id)
                except RingfenceError as error:
                    _log.warning("answer not given up", extra={"why": str(error)})


async def whole_document(run: Run, reader: Reader, order: Sequence[Order] = ()) -> Document:
    """Everything of a run, its words put in a thread: a hundred thousand rows take a while.

    Raises `NoLongerKept`, `StorageError`.
    """
    rows = await run.page(order)
    chart = await run.chart(reader)
    whole = await trio.to_thread.run_sync(document, run.made, rows, reader)
    return replace(whole, chart=chart)
