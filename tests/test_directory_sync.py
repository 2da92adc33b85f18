"""The company follows its directory: what is written, what is refused, and what failing does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import trio
from fake_directory import SETTINGS, an_entry
from fixtures_directory import Office

from actors.directory_plan import Rules, plan
from actors.directory_settings import DirectoryConfig, SyncSettings, read_config
from directory.port import DirectoryUnavailable
from storage import alarms, budgets, directory_sync
from storage import directory as stored
from storage.audit import Event
from storage.budgets import BudgetSpec
from storage.database import Connection
from storage.directory import SyncRun
from storage.directory_types import SyncPlan
from storage.viewer import OPERATOR

DOER = Event("sync_applied", login="root")
HOURLY = SyncSettings(every_hours=1)


async def last_run(office: Office) -> SyncRun:
    found, _ = await office.database.unit_of_work(stored.runs, OPERATOR, 0, 1)
    return found[0]


async def test_people_come_change_go_and_come_back(office: Office) -> None:
    await office.configure()
    anna = an_entry(
        "anna", "Anna", "Bianchi", extension="760", department="Sales", office="Viareggio",
        cost_centre="CC-10", language="de", custom=("Head", "2", *[""] * 8),
        role="supervisor", scope="office",
    )  # fmt: skip
    office.directory.put(anna, an_entry("bea", "Bea", "Neri"))
    ran = await office.service.sync(DOER)
    assert (ran.outcome, len(ran.plan.created)) == ("done", 2)
    row = await office.person("anna")
    assert (row["source"], row["directory_language"], row["language"]) == ("directory", "de", "")
    assert (row["role"], row["scope"], row["custom"][:2]) == ("supervisor", "office", ["Head", "2"])
    sites = await office.rows("select name from site where id = $1", row["site_id"])
    assert sites == [{"name": "Viareggio"}]
    assert await office.extensions("anna") == ["760"]

    office.directory.change("anna", login="abianchi", extension="761")
    office.directory.drop("bea")
    await office.service.sync(DOER)
    assert (await office.person("abianchi"))["id"] == row["id"]
    assert await office.extensions("abianchi") == ["761"]
    past = await office.rows("select until_at from extension_owner where extension = '760'")
    assert past == [{"until_at": office.clock()}]
    gone = await office.person("bea")
    assert (gone["disabled_at"], gone["disabled_by"]) == (office.clock(), "directory")

    office.directory.put(an_entry("bea", "Bea", "Neri", extension="760"))
    await office.service.sync(DOER)
    back = await office.person("bea")
    assert (back["id"], back["disabled_at"], back["disabled_by"]) == (gone["id"], None, None)
    assert await office.extensions("bea") == ["760"]
    since = await office.rows(
        "select from_at is not null as later from extension_owner "
        "where extension = '760' and until_at is null"
    )
    assert since == [{"later": True}]


async def test_who_is_gone_is_out_at_once(office: Office) -> None:
    await office.configure()
    office.directory.put(an_entry("anna", "Anna", "Bianchi"))
    browser = office.browser()
    await browser.sign_in("anna", "anna!")
    assert (await browser.get("/")).status_code == 200
    office.directory.drop("anna")
    office.directory.put(an_entry("bea", "Bea", "Neri"))
    async with office.house.bus.subscribe(lambda change: change.topic == "session") as changes:
        await office.service.sync(DOER)
        with trio.fail_after(20):
            person = await office.person("anna")
            while (await anext(changes)).key != str(person["id"]):
                pass
    assert (await browser.get("/")).headers["Location"].startswith("/login")


async def test_local_people_are_left_alone(office: Office) -> None:
    await office.configure()
    before = await office.rows("select * from person order by id")
    office.directory.put(an_entry("ASonnino", "Other", "Person", extension="731"))
    ran = await office.service.sync(DOER)
    assert [problem.kind for problem in ran.plan.problems] == ["local_account"]
    assert await office.rows("select * from person order by id") == before
    assert (await last_run(office)).problem_count == 1


async def test_a_second_run_changes_nothing(office: Office) -> None:
    await office.configure()
    office.directory.put(an_entry("anna", "Anna", "Bianchi", extension="760", role="supervisor"))
    await office.service.sync(DOER)
    people = await office.rows("select * from person order by id")
    revision = await office.rows("select revision from company")
    assert not (await office.service.sync(DOER)).plan
    assert await office.rows("select * from person order by id") == people
    assert await office.rows("select revision from company") == revision
    assert len(await office.rows("select * from audit where action = 'sync_applied'")) == 1


async def test_budgets_follow(office: Office) -> None:
    await office.configure()
    each = BudgetSpec("department", "Nuovi", Decimal(10), "monthly", each=True)
    await office.database.unit_of_work(budgets.set_budget, each, office.clock())

    async def members() -> list[str]:
        rows = await office.rows(
            "select p.login from budget_account a join person p on p.id = a.person_id "
            "where a.closed_at is null order by 1"
        )
        return [row["login"] for row in rows]

    office.directory.put(an_entry("anna", "Anna", "Bianchi", department="Nuovi"))
    await office.service.sync(DOER)
    assert await members() == ["anna"]
    office.directory.change("anna", department="Altri")
    await office.service.sync(DOER)
    assert await members() == []


async def test_too_many_gone_is_refused_and_an_alarm_says_so(office: Office) -> None:
    await office.configure()
    office.directory.put(*(an_entry(f"p{n}", f"P{n}", "Many") for n in range(20)))
    await office.service.sync(DOER)
    office.directory.drop(*(f"p{n}" for n in range(6)))
    ran = await office.service.sync(DOER)
    assert (ran.outcome, ran.reason) == ("refused", "too_many")
    assert (await last_run(office)).disabled == 6
    assert await office.rows("select * from person where disabled_at is not null") == []
    standing = await office.database.unit_of_work(alarms.standing)
    assert [alarm.kind for alarm in standing] == ["directory_refused"]
    assert (await office.service.sync(DOER, by_hand=True)).outcome == "done"
    assert await office.database.unit_of_work(alarms.standing) == []


async def test_five_may_always_go(office: Office) -> None:
    await office.configure()
    office.directory.put(*(an_entry(f"p{n}", f"P{n}", "Few") for n in range(6)))
    await office.service.sync(DOER)
    office.directory.drop(*(f"p{n}" for n in range(5)))
    assert (await office.service.sync(DOER)).outcome == "done"


async def test_an_empty_answer_switches_nobody_off(office: Office) -> None:
    await office.configure()
    office.directory.put(an_entry("anna", "Anna", "Bianchi"))
    await office.service.sync(DOER)
    office.directory.drop("anna")
    ran = await office.service.sync(DOER, by_hand=True)
    assert (ran.outcome, ran.reason) == ("refused", "empty")


async def test_a_directory_that_is_away_is_tried_again_later_and_later(office: Office) -> None:
    await office.configure(sync=SyncSettings(every_hours=24))
    office.directory.error = DirectoryUnavailable("dc1: timed out", "no_answer")
    waits: list[timedelta] = []
    for _ in range(3):
        ran = await office.service.sync(DOER)
        assert (ran.outcome, ran.reason) == ("failed", "dc1: timed out")
        row = (await office.rows("select next_sync_at from directory"))[0]
        waits.append(row["next_sync_at"] - office.clock())
        office.clock.now = row["next_sync_at"]
    assert waits == [timedelta(minutes=minutes) for minutes in (5, 10, 20)]
    standing = await office.database.unit_of_work(alarms.standing)
    assert [alarm.key for alarm in standing] == ["directory"]
    office.directory.error = None
    await office.service.sync(DOER)
    assert await office.database.unit_of_work(alarms.standing) == []
    row = (await office.rows("select next_sync_at from directory"))[0]
    assert row["next_sync_at"] - office.clock() == timedelta(hours=24)


async def test_what_runs_by_hand_alone_is_not_tried_again(office: Office) -> None:
    await office.configure()
    office.directory.error = DirectoryUnavailable("dc1: timed out", "no_answer")
    await office.service.sync(DOER)
    assert await office.rows("select next_sync_at from directory") == [{"next_sync_at": None}]


async def test_a_lost_key_is_a_failure_that_says_what_to_do(office: Office) -> None:
    await office.configure(sync=HOURLY)
    office.keys.key = None
    ran = await office.service.sync(DOER)
    assert ran.outcome == "failed"
    assert "enter its password again" in ran.reason
    row = (await office.rows("select next_sync_at from directory"))[0]
    assert row["next_sync_at"] is not None


async def test_the_house_follows_when_its_time_has_come(office: Office) -> None:
    await office.configure(sync=HOURLY)
    office.directory.put(an_entry("anna", "Anna", "Bianchi"))
    async with office.house.bus.subscribe(lambda change: change.topic == "directory") as changes:
        await office.service.ask_sync(Event("sync_asked"))
        with trio.fail_after(30):
            while not await office.rows("select from person where login = 'anna'"):
                await anext(changes)
    run = await last_run(office)
    assert (run.outcome, run.created) == ("done", 1)


async def test_ten_thousand_people_are_written_in_a_few_statements(office: Office) -> None:
    entries = [
        an_entry(f"p{n}", f"P{n}", "Many", extension=str(20000 + n), department=f"D{n % 40}")
        for n in range(10_000)
    ]
    asked: list[str] = []

    async def follow(connection: Connection) -> SyncPlan:
        with connection.query_logger(lambda record: asked.append(record.query)):
            made, _ = await directory_sync.carry_out(
                connection,
                lambda known: plan(known, entries, Rules.of(SETTINGS.attributes)),
                lambda _: "",
                office.clock(),
            )
        return made

    assert len((await office.database.unit_of_work(follow)).created) == 10_000
    entries[:500] = [replace(e, extension=str(40000 + n)) for n, e in enumerate(entries[:500])]
    assert len((await office.database.unit_of_work(follow)).changed) == 500
    assert await office.extensions("p7") == ["40007"]
    assert len(asked) < 60


def test_the_document_comes_back_as_it_was() -> None:
    config = DirectoryConfig(SETTINGS, HOURLY)
    assert read_config(config.document()) == config
    assert "bind_password" not in str(config.document())
