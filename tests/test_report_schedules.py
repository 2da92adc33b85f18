"""Reports that are sent by themselves: on time, once, as their owner may see them now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from actors import report_schedules as at_work
from actors.bus import RESYNC
from actors.house import Outside, open_house
from actors.mailer import MailSettings
from actors.report_mail import ReportMailer
from actors.report_schedules import Made, ReportSchedules, filled, recurrence_of
from reports.recurrence import next_after
from storage import (
    due,
    people,
    report_due,
    report_mail,
    report_runs,
    report_schedules,
    saved_reports,
)
from storage.audit import Event
from storage.database import Connection, Database, StorageConflict, StorageUnavailable
from storage.people import Person
from storage.report_mail import ReportFile
from storage.report_schedule_types import (
    Schedule,
    ScheduleDraft,
    ScheduleFilter,
    TooManySchedules,
)
from storage.saved_reports import ReportDraft
from storage.viewer import Viewer
from telephony.clock import system_clock
from telephony.errors import RingfenceError
from telephony.plant import Plant

NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)
TOLD = Event("schedule_created", login="root")
DRAFT = ScheduleDraft(
    report="call-list",
    options={"version": 1},
    description="My own monthly call list report",
    subject="",
    body="Hello\n\n[[FILTER]]",
    addresses=("john.smith@company.example", "Mary@company.example"),
    format="pdf",
    skip_empty=True,
    starts_local=datetime(2026, 11, 20, 12, 30),  # noqa: DTZ001 - a time on the wall
    zone="Europe/Rome",
    every=1,
    unit="days",
)
FIRST_AT = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)


class Maker:
    """Makes small files, and what a test wants it to make instead."""

    def __init__(self) -> None:
        self.asked: list[tuple[Viewer, Schedule]] = []
        self.rows = 3
        self.failures: list[Exception] = []
        self.content = b"%PDF-1.7"
        self.meanwhile: Any = None
        self.slow: set[int] = set()

    async def __call__(self, owner: Person, schedule: Schedule) -> Made:
        self.asked.append((Viewer.of(owner), schedule))
        if schedule.id in self.slow:
            await trio.sleep_forever()
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.failures:
            raise self.failures.pop(0)
        file = ReportFile("calls.pdf", "application/pdf", self.content)
        return Made(file, self.rows, "Period: Today\nCalls: outgoing", "Call List · Today", "it")


class Plan:
    """The company, its schedules and the one who works them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.make = Maker()
        self.worker = ReportSchedules(database, lambda: self.now, self.make)

    async def viewer(self, login: str) -> Viewer:
        person = await self.database.unit_of_work(people.by_login, login)
        assert person
        return Viewer.of(person)

    async def ask(self, work: Any, login: str, *values: Any) -> Any:
        return await self.database.unit_of_work(work, await self.viewer(login), *values)

    async def add(self, login: str = "asonnino", **more: Any) -> int:
        draft = replace(DRAFT, **more)
        next_at = next_after(recurrence_of(draft), self.now)
        return await self.ask(report_schedules.create, login, draft, next_at, TOLD, self.now)

    async def list(self, login: str = "asonnino", **wanted: Any) -> Any:
        found = await self.ask(report_schedules.listing, login, ScheduleFilter(**wanted), 1, 50)
        return found.rows

    async def one(self, login: str = "asonnino") -> Any:
        [listed] = await self.list(login)
        return listed

    async def work(self) -> int:
        """Run what is due, one after the other."""
        found = await self.database.unit_of_work(report_due.due, self.now, (), 100)
        for schedule in found:
            await self.worker.work(schedule)
        return len(found)

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        async def work(connection: Connection) -> list[Any]:
            return [tuple(row) for row in await connection.fetch(sql, *values)]

        return await self.database.unit_of_work(work)

    async def mails(self) -> list[Any]:
        return await self.rows("select address, subject, body from report_mail order by address")


@pytest.fixture
async def plan(database: Database, company: Plant) -> Plan:
    return Plan(database)


# On time, once ------------------------------------------------------------------------------------


async def test_a_schedule_runs_at_its_time_and_again_a_day_later(plan: Plan) -> None:
    await plan.add()
    assert (await plan.one()).schedule.next_at == FIRST_AT
    assert await plan.work() == 0
    plan.now = FIRST_AT
    assert await plan.work() == 1
    assert await plan.work() == 0
    body = "Hello\n\nPeriod: Today\nCalls: outgoing"
    assert await plan.mails() == [
        ("Mary@company.example", "Call List · Today", body),
        ("john.smith@company.example", "Call List · Today", body),
    ]
    listed = await plan.one()
    assert (listed.verdict, listed.details) == ("sent", {"addresses": "2"})
    assert listed.delivery == (2, 0, 0, "")
    assert (listed.schedule.last_at, listed.schedule.next_at) == (FIRST_AT, FIRST_AT + DAY)
    plan.now = FIRST_AT + DAY
    assert await plan.work() == 1
    assert len(await plan.mails()) == 4
    runs = await plan.ask(report_runs.history, "asonnino", plan.now, 1, 5)
    assert [(run.schedule_id, run.format, run.rows) for run in runs.rows] == [
        (listed.schedule.id, "pdf", 3)
    ] * 2
    kept = await plan.ask(report_runs.result, "asonnino", runs.rows[0].id, plan.now)
    assert kept.content == b"%PDF-1.7"


async def test_what_was_missed_runs_once(plan: Plan) -> None:
    await plan.add(unit="minutes", every=5)
    plan.now = FIRST_AT + 3 * DAY + timedelta(minutes=2)
    assert await plan.work() == 1
    assert await plan.work() == 0
    assert (await plan.one()).schedule.next_at == FIRST_AT + 3 * DAY + timedelta(minutes=5)


async def test_a_run_that_is_repeated_after_a_crash_queues_nothing_twice(plan: Plan) -> None:
    await plan.add()
    plan.now = FIRST_AT
    [schedule] = await plan.database.unit_of_work(report_due.due, plan.now, (), 5)
    await plan.worker.work(schedule)
    # As if the commit had been of the mails alone, which cannot be: the key alone prevents it.
    await plan.rows("update report_schedule set next_at = $1", FIRST_AT)
    assert await plan.work() == 1
    assert len(await plan.mails()) == 2
    assert len(await plan.rows("select 1 from report_mail_file")) == 1


async def test_mails_and_next_time_are_one_step(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan.add()
    plan.now = FIRST_AT

    async def dies(*_: Any) -> int:
        raise StorageUnavailable("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(report_mail, "queue", dies)
        with pytest.raises(StorageUnavailable):
            await plan.work()
    assert await plan.mails() == []
    assert await plan.rows("select 1 from report_run") == []
    assert (await plan.one()).schedule.next_at == FIRST_AT
    assert await plan.work() == 1
    assert len(await plan.mails()) == 2


async def test_a_month_that_is_too_short_and_clocks_that_change(plan: Plan) -> None:
    start = datetime(2026, 12, 31, 17, 30)  # noqa: DTZ001 - a time on the wall
    await plan.add(starts_local=start, unit="months")
    seen = []
    for _ in range(5):
        plan.now = (await plan.one()).schedule.next_at
        seen.append(f"{plan.now:%m-%d %H:%M}")
        assert await plan.work() == 1
    assert seen == ["12-31 16:30", "01-31 16:30", "02-28 16:30", "03-31 15:30", "04-30 15:30"]


# What it comes to ---------------------------------------------------------------------------------


async def test_an_empty_report_is_not_sent_and_says_so(plan: Plan) -> None:
    await plan.add()
    plan.make.rows = 0
    plan.now = FIRST_AT
    await plan.work()
    listed = await plan.one()
    assert (listed.verdict, listed.schedule.next_at) == ("empty", FIRST_AT + DAY)
    assert await plan.mails() == []


async def test_an_empty_report_is_sent_to_whoever_wants_it_all_the_same(plan: Plan) -> None:
    await plan.add(skip_empty=False)
    plan.make.rows = 0
    plan.now = FIRST_AT
    await plan.work()
    assert len(await plan.mails()) == 2


async def test_a_failure_is_shown_and_the_schedule_goes_on(plan: Plan) -> None:
    await plan.add()
    for number, (failure, why) in enumerate(
        (
            (RingfenceError("The report is gone."), "The report is gone."),
            (ZeroDivisionError("a bug"), "ZeroDivisionError"),
        )
    ):
        plan.make.failures = [failure]
        plan.now = FIRST_AT + number * DAY
        await plan.work()
        listed = await plan.one()
        assert (listed.verdict, listed.details) == ("failed", {"why": why})
        assert listed.schedule.next_at == plan.now + DAY
    plan.now = FIRST_AT + 2 * DAY
    await plan.work()
    assert (await plan.one()).verdict == "sent"


async def test_a_database_that_is_away_for_a_moment_is_asked_again(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "PAUSES_S", (0.01, 0.01))
    await plan.add()
    plan.make.failures = [StorageUnavailable("away")] * 2
    plan.now = FIRST_AT
    await plan.work()
    assert ((await plan.one()).verdict, len(plan.make.asked)) == ("sent", 3)
    plan.make.failures = [StorageUnavailable("away")] * 3
    plan.now = FIRST_AT + DAY
    await plan.work()
    assert (await plan.one()).details == {"why": "away"}


async def test_a_file_too_large_to_be_mailed_is_said(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_mail, "LARGEST_BYTES", 4)
    await plan.add()
    plan.now = FIRST_AT
    await plan.work()
    listed = await plan.one()
    assert listed.verdict == "failed"
    assert "larger than" in listed.details["why"]
    assert listed.schedule.next_at == FIRST_AT + DAY
    assert await plan.mails() == []


async def test_the_subject_and_the_body_are_the_persons(plan: Plan) -> None:
    await plan.add(subject="For you: [[FILTER]]", body="")
    plan.now = FIRST_AT
    await plan.work()
    [(_, subject, body), _] = await plan.mails()
    assert (subject, body) == ("For you: Period: Today · Calls: outgoing", "")
    assert filled("[[FILTER]] [[filter]]", "x") == "x [[filter]]"


async def test_the_results_of_what_runs_often_are_kept_for_the_last_runs(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "RESULTS_KEPT", 2)
    await plan.add(unit="minutes", every=5)
    for number in range(4):
        plan.now = FIRST_AT + number * timedelta(minutes=5)
        await plan.work()
    runs = await plan.ask(report_runs.history, "asonnino", plan.now, 1, 9)
    assert [run.has_result for run in runs.rows] == [True, True, False, False]


# Whose it is --------------------------------------------------------------------------------------


async def test_a_report_is_run_as_its_owner_may_see_it_now(plan: Plan) -> None:
    await plan.add("cmoreau")
    plan.now = FIRST_AT
    await plan.work()
    await plan.rows("update person set role = 'user', scope = null where login = 'cmoreau'")
    plan.now = FIRST_AT + DAY
    await plan.work()
    assert [(v.breadth, v.scope_value) for v, _ in plan.make.asked] == [
        ("unit", "Sales"),
        ("own", ""),
    ]


async def test_a_disabled_owners_schedules_stop_and_their_mails_too(plan: Plan) -> None:
    await plan.add()
    plan.now = FIRST_AT
    await plan.work()
    await plan.rows("update person set disabled_at = now() where login = 'asonnino'")
    await ReportMailer(plan.database, lambda: plan.now, None, None).deliver_pending()  # type: ignore[arg-type]
    assert await plan.rows("select distinct state from report_mail") == [("failed",)]
    assert await plan.rows("select 1 from report_mail_file") == []
    asked = len(plan.make.asked)
    assert (await plan.database.unit_of_work(due.due, plan.now)).reports
    assert await plan.work() == 1  # at once, and not only when it is due again
    assert len(plan.make.asked) == asked
    [listed] = await plan.list("root")
    assert (listed.verdict, listed.schedule.active) == ("owner_disabled", False)
    assert listed.schedule.next_at is None
    assert await plan.work() == 0


@pytest.mark.parametrize("change", ["delete", "deactivate", "edit"])
async def test_what_is_changed_while_it_runs_is_not_sent_as_it_was(plan: Plan, change: str) -> None:
    schedule_id = await plan.add()

    async def meanwhile() -> None:
        plan.make.meanwhile = None
        if change == "edit":
            draft = replace(DRAFT, addresses=("other@company.example",))
            values: tuple[Any, ...] = (schedule_id, draft, FIRST_AT)
        else:
            values = (schedule_id,)
        work = getattr(report_schedules, change)
        assert await plan.ask(work, "asonnino", *values, TOLD, plan.now)

    plan.make.meanwhile = meanwhile
    plan.now = FIRST_AT
    await plan.work()
    assert await plan.mails() == []
    await plan.work()
    expected = ["other@company.example"] if change == "edit" else []
    assert [address for address, *_ in await plan.mails()] == expected


async def test_run_now_is_beside_the_times(plan: Plan) -> None:
    schedule_id = await plan.add()
    for _ in range(2):  # pressed twice
        assert await plan.ask(report_schedules.run_now, "asonnino", schedule_id, TOLD, plan.now)
        plan.now += timedelta(seconds=1)
    assert await plan.work() == 1
    assert await plan.work() == 0
    assert len(await plan.mails()) == 2
    assert (await plan.one()).schedule.next_at == FIRST_AT
    plan.now = FIRST_AT
    assert await plan.work() == 1
    assert len(await plan.mails()) == 4
    await plan.ask(report_schedules.deactivate, "asonnino", schedule_id, TOLD, plan.now)
    await plan.ask(report_schedules.run_now, "asonnino", schedule_id, TOLD, plan.now)
    assert await plan.work() == 1
    stopped = (await plan.one()).schedule
    assert (stopped.active, stopped.next_at) == (False, None)


async def test_a_time_that_comes_while_run_now_is_under_way_is_not_lost(plan: Plan) -> None:
    schedule_id = await plan.add()

    async def meanwhile() -> None:
        plan.make.meanwhile = None
        plan.now = FIRST_AT + timedelta(minutes=1)

    plan.make.meanwhile = meanwhile
    await plan.ask(report_schedules.run_now, "asonnino", schedule_id, TOLD, plan.now)
    assert await plan.work() == 1
    assert await plan.work() == 1
    assert len(await plan.mails()) == 4


async def test_others_neither_see_nor_change_it_and_an_administrator_stops_it(plan: Plan) -> None:
    schedule_id = await plan.add()
    for login in ("bkowalska", "cmoreau"):
        assert await plan.list(login) == []
        assert await plan.ask(report_schedules.one, login, schedule_id) is None
        for work in (report_schedules.delete, report_schedules.deactivate):
            assert not await plan.ask(work, login, schedule_id, TOLD, NOW)
    for login in ("cmoreau", "root"):
        assert not await plan.ask(report_schedules.run_now, login, schedule_id, TOLD, NOW)
        assert not await plan.ask(
            report_schedules.edit, login, schedule_id, DRAFT, FIRST_AT, TOLD, NOW
        )
        assert not await plan.ask(
            report_schedules.activate, login, schedule_id, FIRST_AT, TOLD, NOW
        )
    [listed] = await plan.list("root")
    assert (listed.owner, listed.is_own) == ("Andrea Sonnino", False)
    assert await plan.list("root", only_own=True) == []
    assert await plan.ask(report_schedules.deactivate, "root", schedule_id, TOLD, NOW)
    stopped = await plan.one()
    assert (stopped.schedule.active, stopped.verdict, stopped.details) == (
        False, "stopped", {"by": "root"},
    )  # fmt: skip
    assert await plan.ask(report_schedules.activate, "asonnino", schedule_id, FIRST_AT, TOLD, NOW)
    assert (await plan.one()).schedule.next_at == FIRST_AT
    assert await plan.ask(report_schedules.delete, "root", schedule_id, TOLD, NOW)
    assert await plan.list() == []


async def test_mails_that_wait_go_with_their_schedule(plan: Plan) -> None:
    schedule_id = await plan.add()
    plan.now = FIRST_AT
    await plan.work()
    await plan.rows("update report_mail set state = 'sent' where address like 'Mary%'")
    assert await plan.ask(report_schedules.delete, "asonnino", schedule_id, TOLD, plan.now)
    assert await plan.rows("select address, schedule_id from report_mail") == [
        ("Mary@company.example", None)
    ]
    assert await plan.rows("select 1 from report_mail_file") == []


async def test_a_schedule_goes_on_without_the_report_it_was_made_of(plan: Plan) -> None:
    saved = ReportDraft("call-list", "monitor", "Mine", "", {"version": 1})
    own = await plan.ask(saved_reports.create, "asonnino", saved, TOLD, NOW)
    theirs = await plan.ask(saved_reports.create, "bkowalska", saved, TOLD, NOW)
    await plan.add(saved_id=theirs)
    await plan.add(saved_id=own)
    names = {row.schedule.draft.saved_id: row.schedule.saved_name for row in await plan.list()}
    assert names == {None: "", own: "Mine"}
    plan.now = FIRST_AT
    assert await plan.work() == 2
    runs = await plan.ask(report_runs.history, "asonnino", plan.now, 1, 5)
    assert sorted(run.name for run in runs.rows) == ["", "Mine"]
    await plan.ask(saved_reports.delete, "asonnino", own, TOLD, NOW)
    plan.now = FIRST_AT + DAY
    assert await plan.work() == 2


async def test_nobody_has_more_than_so_many(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_schedules, "MOST_SCHEDULES", 1)
    await plan.add()
    with pytest.raises(TooManySchedules):
        await plan.add()


async def test_the_list_is_filtered_and_sorted(plan: Plan) -> None:
    for description, every in (("Beta", 3), ("alpha", 1), ("Gamma", 2)):
        start = DRAFT.starts_local + every * DAY
        await plan.add(description=description, starts_local=start)
    await plan.add("bkowalska", description="Theirs")

    async def names(login: str = "asonnino", **wanted: Any) -> list[str]:
        return [row.schedule.draft.description for row in await plan.list(login, **wanted)]

    assert await names() == ["alpha", "Gamma", "Beta"]
    assert await names(falling=True) == ["Beta", "Gamma", "alpha"]
    assert await names(sort="description") == ["alpha", "Beta", "Gamma"]
    assert await names(text="MMA") == ["Gamma"]
    assert await names(active=False) == []
    assert await names("root", sort="user", only_own=False) == ["Beta", "alpha", "Gamma", "Theirs"]
    assert await names("root", text="kowalska") == ["Theirs"]
    assert await names(text="kowalska") == []


# The task -----------------------------------------------------------------------------------------


async def test_a_slow_schedule_keeps_no_other_waiting_and_is_given_up(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "LONGEST_RUN_S", 1.5)
    slow = await plan.add(description="slow")
    for number in range(6):
        await plan.add(description=f"quick {number}")
    plan.make.slow = {slow}
    plan.now = FIRST_AT

    async def verdicts() -> dict[str, str]:
        return {row.schedule.draft.description: row.verdict for row in await plan.list()}

    async with trio.open_nursery() as nursery:
        nursery.start_soon(plan.worker.run)
        with trio.fail_after(20):
            while list((await verdicts()).values()).count("sent") < 6:
                await trio.lowlevel.checkpoint()
            assert (await verdicts())["slow"] == ""
            while (await verdicts())["slow"] != "slow":
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(plan.make.asked) == 7


async def test_a_database_that_goes_away_is_told_as_it_is(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor knows `StorageUnavailable`, and counts it as nobody's failure."""

    async def dies(*_: Any) -> bool:
        raise StorageUnavailable("the server is gone")

    monkeypatch.setattr(report_due, "settle", dies)
    await plan.add()
    plan.now = FIRST_AT
    with trio.fail_after(20), pytest.raises(StorageUnavailable):
        await plan.worker.run()


async def test_what_the_database_refuses_is_the_reports_failure(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: Any) -> int:
        raise StorageConflict("no such thing")

    monkeypatch.setattr(report_runs, "add", refuses)
    await plan.add()
    plan.now = FIRST_AT
    await plan.work()
    assert (await plan.one()).details == {"why": "no such thing"}


async def test_what_is_due_and_what_comes_next(plan: Plan) -> None:
    before = await plan.database.unit_of_work(due.due, plan.now)
    await plan.add()
    after = await plan.database.unit_of_work(due.due, plan.now)
    assert (before.reports, after.reports, after.next_at) == (False, False, FIRST_AT)
    at_last = await plan.database.unit_of_work(due.due, FIRST_AT)
    assert (at_last.reports, at_last.next_at) == (True, None)


async def test_a_running_house_sends_a_report_from_its_time_to_the_mailbox(
    plan: Plan, catcher: Any
) -> None:
    mail = MailSettings("127.0.0.1", catcher.port, "none", "phones@example.com")
    outside = Outside(mail=mail, make_report=plan.make)
    async with open_house(plan.database, system_clock, outside) as house:
        async with house.bus.subscribe(lambda _: True) as changes:
            with trio.fail_after(20):
                assert await anext(changes) == RESYNC
        plan.now = house.clock()
        schedule_id = await plan.add()
        await plan.ask(report_schedules.run_now, "asonnino", schedule_id, TOLD, plan.now)
        with trio.fail_after(20):
            while (await plan.one()).delivery.sent < 2:
                await trio.lowlevel.checkpoint()
    assert sorted(message["To"] for _, message in catcher.messages) == [
        "Mary@company.example", "john.smith@company.example",
    ]  # fmt: skip
