"""Runs that go on without their page: whose they are, how many, and what they leave behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import trio
from fixtures_web import id_of
from report_pages import rows_of, some_calls

from actors import report_jobs
from actors.house import House
from actors.report_jobs import (
    KEPT_OF_ONE,
    RUNNING_AT_ONCE,
    Asked,
    Job,
    ReportJobs,
    TooManyRunning,
    whole_document,
)
from reports.catalogue import REPORTS
from reports.document import Chart, Column, Document, Series
from reports.kept_documents import BadResult, pack, unpack
from reports.options import NO_OPTIONS, Options
from storage.database import Database
from storage.facts.kept import NoLongerKept
from storage.viewer import Viewer
from words.formats import Reader
from words.language import language

READER = Reader(language("en", "en"), "Europe/Rome", datetime(2026, 11, 20, tzinfo=UTC))
LIST = REPORTS["call-list"]


class Desk:
    """Somebody who starts runs."""

    def __init__(self, jobs: ReportJobs, viewer: Viewer) -> None:
        self.jobs = jobs
        self.viewer = viewer

    def start(self, options: Options = NO_OPTIONS, keep_days: int = 30) -> Job:
        return self.jobs.start(self.viewer, Asked(LIST, options), READER, keep_days)

    async def finish(self, options: Options = NO_OPTIONS, keep_days: int = 30) -> Job:
        job = self.start(options, keep_days)
        await job.kept.wait()
        return job


@pytest.fixture
async def desk(house: House, database: Database) -> Desk:
    await some_calls(database)
    return Desk(house.report_jobs, Viewer(await id_of(database, "asonnino"), "own"))


@pytest.fixture
def gate(house: House, monkeypatch: pytest.MonkeyPatch) -> trio.Event:
    """Runs wait until this is set."""
    opened, run = trio.Event(), house.reports.run

    async def held(*asked: Any) -> Any:
        await opened.wait()
        return await run(*asked)

    monkeypatch.setattr(house.reports, "run", held)
    return opened


async def test_a_run_is_noted_with_its_result(desk: Desk, database: Database) -> None:
    job = await desk.finish()
    assert job.is_over
    assert job.run is not None
    ((noted),) = await rows_of(database, "select * from report_run")
    assert (noted["report"], noted["rows"], noted["format"]) == ("call-list", 3, "page")
    kept = unpack(noted["result"]).document
    assert kept == replace(await whole_document(job.run, READER), made_at=kept.made_at)
    assert (noted["kept_until"] - noted["started_at"]).days == 30


async def test_long_results_and_unwanted_ones_are_not_kept(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.finish(keep_days=0)
    monkeypatch.setattr(report_jobs, "MOST_ROWS", 2)
    await desk.finish()
    noted = await rows_of(database, "select result, rows from report_run")
    assert noted == [{"result": None, "rows": 3}] * 2


async def test_the_same_under_way_is_joined(desk: Desk, gate: trio.Event) -> None:
    job = desk.start()
    assert desk.start() is job
    others = replace(desk.viewer, breadth="all")
    assert Desk(desk.jobs, others).start() is not job, "who sees more asks for more"
    gate.set()
    await job.kept.wait()
    assert desk.start() is not job


async def test_so_many_run_at_once(desk: Desk, gate: trio.Event) -> None:
    jobs = [desk.start(Options(most=number + 1)) for number in range(RUNNING_AT_ONCE)]
    with pytest.raises(TooManyRunning):
        desk.start()
    assert Desk(desk.jobs, Viewer(None, "all")).start()
    assert set(desk.jobs.running(desk.viewer)) == set(jobs)
    desk.jobs.cancel(jobs[0])
    await jobs[0].over.wait()
    gate.set()
    await (await desk.finish()).over.wait()


async def test_a_token_opens_for_its_person_alone(desk: Desk) -> None:
    job = await desk.finish()
    assert desk.jobs.find(job.token, desk.viewer) is job
    for other in (replace(desk.viewer, breadth="all"), Viewer(None, "own"), Viewer(1, "own")):
        if other != desk.viewer:
            assert desk.jobs.find(job.token, other) is None
    assert desk.jobs.find("", desk.viewer) is None


async def test_a_run_that_is_cancelled_has_no_result(
    desk: Desk, gate: trio.Event, database: Database
) -> None:
    job = desk.start()
    desk.jobs.cancel(job)
    await job.over.wait()
    gate.set()
    assert job.run is None
    assert job.error is None
    assert desk.jobs.find(job.token, desk.viewer) is job, "other pages wait for it"
    assert desk.jobs.running(desk.viewer) == []
    assert await rows_of(database, "select * from report_run") == []


async def test_what_is_being_cancelled_is_not_joined(desk: Desk, gate: trio.Event) -> None:
    job = desk.start()
    desk.jobs.cancel(job)
    another = desk.start()
    assert another is not job
    gate.set()
    await another.over.wait()
    assert another.run is not None


async def test_the_oldest_give_way(desk: Desk) -> None:
    first = await desk.finish()
    for number in range(KEPT_OF_ONE):
        await desk.finish(Options(most=number + 1))
    while desk.jobs.find(first.token, desk.viewer) is not None:
        await trio.lowlevel.checkpoint()
    assert first.run is not None
    await desk.finish()
    with pytest.raises(NoLongerKept):
        await first.run.page()


async def test_what_fails_is_told_and_the_house_lives_on(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(house.reports, "run", broken)
        job = await desk.finish()
    assert isinstance(job.error, ZeroDivisionError)

    def bad(_: Document) -> bytes:
        raise TypeError

    with monkeypatch.context() as patch:
        patch.setattr(report_jobs, "pack", bad)
        job = await desk.finish()
    assert job.error is None
    assert job.run is not None
    assert (await desk.finish()).run is not None


# What is kept -------------------------------------------------------------------------------------

DOCUMENT = Document(
    title="Anrufe – März",
    question="?",
    facts=(("Period", "March"),),
    columns=(Column("cost", "Cost", "money"), Column("started_at", "Start", "instant")),
    rows=[(Decimal("1.2500"), datetime(2026, 3, 1, 5, tzinfo=UTC)), (None, None)],
    totals=(Decimal("1.25"), None),
    totals_label="Total",
    notes=("note",),
    chart=Chart("bars", "Costs", ("a",), (Series("b", (Decimal("0.10"),)),), "money", "summary"),
    currency="EUR",
    zone="Europe/Rome",
    made_at=datetime(2026, 3, 31, tzinfo=UTC),
)


def test_what_is_kept_comes_back_as_it_was() -> None:
    assert unpack(pack(DOCUMENT, ("own", "", ""))) == (DOCUMENT, ("own", "", ""))
    bare = replace(DOCUMENT, chart=None, totals=None, rows=[])
    assert unpack(pack(bare, ())).document == bare


@pytest.mark.parametrize("content", [b"", b"x", pack(DOCUMENT, ())[:-20]])
def test_what_is_no_result_is_refused(content: bytes) -> None:
    with pytest.raises(BadResult):
        unpack(content)
