"""Reports people keep, whom they are shared with, and what was run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import people, report_runs, saved_reports
from storage.audit import Event
from storage.database import Connection, Database
from storage.report_runs import NewRun
from storage.saved_reports import NameTaken, ReportDraft, SavedReport, SharedWith, TooManySaved
from storage.viewer import OPERATOR, Viewer
from telephony.plant import Plant

NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)
TOLD = Event("report_saved")
DRAFT = ReportDraft("call-list", "monitor", "My calls", "Mine", {"version": 1, "on": ["period"]})
PEOPLE = ("asonnino", "bkowalska", "cmoreau", "dweber", "fhaddad", "root")
"""Sales and Milano, but Weber (Support, CC-20, Milano), Haddad (Support, CC-10, Viareggio) and
Amato (IT, CC-10, Milano)."""


class Kept:
    """The company, each of whose people asks for what is theirs."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def viewer(self, login: str) -> Viewer:
        person = await self.database.unit_of_work(people.by_login, login)
        assert person
        return Viewer.of(person)

    async def ask(self, work: Any, login: str, *values: Any) -> Any:
        return await self.database.unit_of_work(work, await self.viewer(login), *values)

    async def save(self, login: str = "asonnino", **more: Any) -> int:
        return await self.ask(saved_reports.create, login, replace(DRAFT, **more), TOLD, NOW)

    async def run(self, login: str = "asonnino", **more: Any) -> int:
        run = NewRun("call-list", {}, NOW, 12, 3)
        return await self.ask(report_runs.add, login, replace(run, **more))

    async def sql(self, statement: str, *values: Any) -> Any:
        async def work(connection: Connection) -> Any:
            return await connection.fetchval(statement, *values)

        return await self.database.unit_of_work(work)


@pytest.fixture
async def kept(database: Database, company: Plant) -> Kept:
    return Kept(database)


# Saved reports ------------------------------------------------------------------------------------


async def test_a_report_is_kept_changed_and_forgotten_by_its_owner(kept: Kept) -> None:
    saved_id = await kept.save()
    [saved] = await kept.ask(saved_reports.own, "asonnino")
    assert isinstance(saved, SavedReport)
    assert (saved.id, saved.draft, saved.owner, saved.is_own) == (
        saved_id, DRAFT, "Andrea Sonnino", True,
    )  # fmt: skip
    changed = replace(DRAFT, name="MY CALLS", description="All of mine", shared_with="office")
    later = NOW + timedelta(hours=1)
    assert await kept.ask(saved_reports.edit, "asonnino", saved_id, changed, TOLD, later)
    one = await kept.ask(saved_reports.one, "asonnino", saved_id)
    assert (one.draft, one.created_at, one.changed_at) == (changed, NOW, later)
    assert await kept.ask(saved_reports.delete, "asonnino", saved_id, TOLD, later)
    assert await kept.ask(saved_reports.own, "asonnino") == []
    assert not await kept.ask(saved_reports.delete, "asonnino", saved_id, TOLD, later)
    assert await kept.sql("select count(*) from audit where action = 'report_saved'") == 3


async def test_a_name_is_ones_own_once_whatever_its_capitals(kept: Kept) -> None:
    await kept.save()
    other = await kept.save(name="Other")
    with pytest.raises(NameTaken):
        await kept.save(name="mY cALLS")
    taken = replace(DRAFT, name="MY CALLS")
    with pytest.raises(NameTaken):
        await kept.ask(saved_reports.edit, "asonnino", other, taken, TOLD, NOW)
    assert await kept.save("bkowalska")
    assert [one.draft.name for one in await kept.ask(saved_reports.own, "asonnino")] == [
        "My calls", "Other",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shared_with", "found_by"),
    [
        ("nobody", set()),
        ("department", {"bkowalska", "cmoreau"}),
        ("cost_centre", {"bkowalska", "cmoreau", "fhaddad", "root"}),
        ("office", {"bkowalska", "cmoreau", "dweber", "root"}),
        ("everybody", {"bkowalska", "cmoreau", "dweber", "fhaddad", "root"}),
    ],
)
async def test_whom_a_report_is_shared_with_finds_it_and_changes_nothing(
    kept: Kept, shared_with: SharedWith, found_by: set[str]
) -> None:
    saved_id = await kept.save(shared_with=shared_with)
    for login in PEOPLE[1:]:
        found = [one.id for one in await kept.ask(saved_reports.shared, login)]
        assert found == ([saved_id] if login in found_by else []), login
        one = await kept.ask(saved_reports.one, login, saved_id)
        assert (one is not None) == (login in found_by), login
        assert one is None or not one.is_own
        assert await kept.ask(saved_reports.own, login) == []
        stolen = replace(DRAFT, name="Stolen")
        assert not await kept.ask(saved_reports.edit, login, saved_id, stolen, TOLD, NOW)
        assert not await kept.ask(saved_reports.delete, login, saved_id, TOLD, NOW)
    assert await kept.ask(saved_reports.shared, "asonnino") == []
    own = await kept.ask(saved_reports.one, "asonnino", saved_id)
    assert own.draft.name == "My calls"


async def test_it_is_where_people_belong_now_that_counts(kept: Kept) -> None:
    saved_id = await kept.save(shared_with="department")
    await kept.sql("update person set department = 'SALES' where login = 'dweber'")
    assert await kept.ask(saved_reports.one, "dweber", saved_id)
    await kept.sql("update person set department = '' where login in ('asonnino', 'dweber')")
    assert await kept.ask(saved_reports.one, "dweber", saved_id) is None


async def test_the_machine_owns_and_finds_nothing(kept: Kept) -> None:
    await kept.save(shared_with="everybody")
    assert await kept.database.unit_of_work(saved_reports.own, OPERATOR) == []
    assert await kept.database.unit_of_work(saved_reports.shared, OPERATOR) == []


async def test_nobody_keeps_more_than_so_many(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_reports, "MOST_SAVED", 2)
    await kept.save()
    await kept.save(name="Second")
    with pytest.raises(TooManySaved):
        await kept.save(name="Third")
    assert await kept.save("bkowalska")


# Runs ---------------------------------------------------------------------------------------------


async def test_a_history_is_its_persons_alone_newest_first_and_paged(kept: Kept) -> None:
    for number in range(5):
        await kept.run(started_at=NOW - timedelta(minutes=number), rows=number)
    await kept.run("root")
    first = await kept.ask(report_runs.history, "asonnino", NOW, 1, 2)
    last = await kept.ask(report_runs.history, "asonnino", NOW, 3, 2)
    assert ([run.rows for run in first.rows], first.total) == ([0, 1], 5)
    assert [run.rows for run in last.rows] == [4]
    assert (await kept.ask(report_runs.history, "dweber", NOW, 1, 10)) == ([], 0)


async def test_a_result_is_kept_for_its_time_and_given_to_nobody_else(kept: Kept) -> None:
    until = NOW + timedelta(days=30)
    run_id = await kept.run()
    other = await kept.run("root", format="pdf", result=b"theirs", kept_until=until)
    assert await kept.ask(report_runs.result, "asonnino", run_id, NOW) is None
    keep = ("xlsx", b"PK", until)
    assert not await kept.ask(report_runs.keep_result, "root", run_id, *keep)
    assert await kept.ask(report_runs.keep_result, "asonnino", run_id, *keep)
    found = await kept.ask(report_runs.result, "asonnino", run_id, NOW)
    assert (found.content, found.run.format, found.run.has_result) == (b"PK", "xlsx", True)
    assert await kept.ask(report_runs.result, "root", run_id, NOW) is None
    assert await kept.ask(report_runs.result, "asonnino", other, NOW) is None
    assert await kept.ask(report_runs.result, "asonnino", run_id, until) is None
    [run] = (await kept.ask(report_runs.history, "asonnino", until, 1, 5)).rows
    assert not run.has_result


async def test_what_is_old_is_forgotten_results_before_runs(kept: Kept) -> None:
    until = NOW + timedelta(days=1)
    for days in (0, 10, 400):
        started = NOW - timedelta(days=days)
        await kept.run(started_at=started, result=b"x", format="csv", kept_until=until)
    forget = kept.database.unit_of_work
    assert await forget(report_runs.forget_results, NOW, 10) == 0
    assert await forget(report_runs.forget_results, until, 2) == 2
    assert await forget(report_runs.forget_results, until, 2) == 1
    assert await forget(report_runs.forget, NOW - timedelta(days=365), 10) == 1
    runs = await kept.ask(report_runs.history, "asonnino", NOW, 1, 10)
    assert [(run.format, run.has_result) for run in runs.rows] == [("csv", False)] * 2


async def test_what_is_used_most(kept: Kept) -> None:
    saved_id = await kept.save("bkowalska", shared_with="department", name="Team")
    own = await kept.save(name="Own")
    hidden = await kept.save("bkowalska", name="Hidden")
    for report, count in (("call-list", 2), ("by-department", 3)):
        for _ in range(count):
            await kept.run(report=report)
    for saved, count in ((saved_id, 2), (own, 1), (hidden, 4)):
        for _ in range(count):
            await kept.run(saved_id=saved, name="as it was called then")
    for _ in range(9):
        await kept.run(report="trend", started_at=NOW - timedelta(days=91))
        await kept.run("root", report="trend")
    schedule = await kept.sql(
        """
        insert into report_schedule (person_id, report, options, description, addresses, format,
               starts_local, zone, every, unit, created_at)
        select id, 'trend', '{}', '', '{}', 'pdf', '2026-01-01', 'UTC', 1, 'days', now()
          from person where login = 'asonnino' returning id
        """
    )
    for _ in range(9):
        await kept.run(report="trend", schedule_id=schedule)
    used = await kept.ask(report_runs.most_used, "asonnino", NOW, 5)
    assert used.public == [("by-department", 3), ("call-list", 2)]
    assert used.personal == [(saved_id, "Team", "call-list", 2), (own, "Own", "call-list", 1)]
    assert (await kept.ask(report_runs.most_used, "asonnino", NOW, 1)).public == used.public[:1]
    await kept.ask(saved_reports.delete, "asonnino", own, TOLD, NOW)
    gone = await kept.ask(report_runs.most_used, "asonnino", NOW, 5)
    assert (gone.public, gone.personal) == (used.public, used.personal[:1])
