"""The pages about reports that are sent by themselves, as people use them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import trio
from fixtures_web import Browser, HeldClock, id_of
from quart_trio import QuartTrio

from actors.bus import Change
from actors.report_mail import ReportMailer
from actors.report_schedules import Made, ReportSchedules
from storage import report_due, report_mail, report_schedules, saved_reports
from storage.audit import Event
from storage.database import Connection, Database
from storage.people import Person
from storage.report_mail import ReportFile
from storage.report_schedule_types import Schedule, ScheduleFilter
from storage.saved_reports import ReportDraft
from storage.viewer import Viewer
from web.live import Interest

PATH = "/analytics/scheduled-reports"
NEW = (
    f"{PATH}/new?report=call-list&options=1&on=traffic&traffic=external&on=period&period=last_month"
)
FORM = {
    "description": "My own monthly call list report",
    "subject": "",
    "body": "Hello\r\n[[FILTER]]",
    "addresses": "john.smith@company.example; Anna <anna@x.example>",
    "format": "xlsx",
    "skip_empty": "1",
    "start_date": "2026-01-31",
    "start_time": "17:30",
    "every": "1",
    "unit": "months",
    "zone": "Europe/Rome",
}
NOW = datetime(2026, 2, 10, 9, tzinfo=UTC)


class Desk:
    """Somebody at the pages, and the daemon's worker that a test runs by hand."""

    def __init__(self, database: Database, app: QuartTrio, clock: HeldClock) -> None:
        self.database, self.app, self.clock = database, app, clock
        self.rows, self.failure = 3, None

    async def sign_in(self, login: str = "asonnino") -> Browser:
        browser = Browser(self.app)
        await browser.sign_in(login)
        return browser

    async def make(self, _owner: Person, _schedule: Schedule) -> Made:
        if self.failure is not None:
            raise self.failure
        return Made(ReportFile("a.xlsx", "x/y", b"PK"), self.rows, "Period: x", "Call List", "en")

    async def work(self) -> None:
        for one in await self.database.unit_of_work(report_due.due, self.clock(), (), 10):
            await ReportSchedules(self.database, self.clock, self.make).work(one)

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        async def work(connection: Connection) -> list[Any]:
            return [dict(row) for row in await connection.fetch(sql, *values)]

        return await self.database.unit_of_work(work)

    async def schedules(self) -> list[Any]:
        return await self.fetch("select * from report_schedule order by id")

    async def told(self) -> list[str]:
        rows = await self.fetch(
            "select action from audit where action like 'schedule%' order by id"
        )
        return [row["action"] for row in rows]


@pytest.fixture(autouse=True)
def _nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house's own tasks let schedules and mails alone: each test decides what becomes of them.

    Its clock is the real one, for which everything here is long due.
    """

    async def nothing(_: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(ReportMailer, "run", nothing)
    monkeypatch.setattr(ReportSchedules, "run", nothing)


@pytest.fixture
def desk(database: Database, app: QuartTrio, clock: HeldClock) -> Desk:
    clock.now = NOW
    return Desk(database, app, clock)


async def send(browser: Browser, path: str = NEW, **more: str) -> int:
    """Open the form, fill it in and send it with all that comes along in it."""
    await browser.get(path)
    kept = {
        name: browser.hidden(name)
        for name in ("report", "saved", "query")
        if f'name="{name}"' in browser.page
    }
    answer = await browser.submit(path.partition("?")[0], **(kept | FORM | more))
    return answer.status_code


async def test_a_report_is_scheduled_and_listed(desk: Desk) -> None:
    browser = await desk.sign_in()
    await browser.get(PATH)
    assert "No report is sent by mail yet" in browser.text
    await browser.get(NEW)
    assert "Call List" in browser.text
    assert "External calls" in browser.text
    assert 'value="Call List"' in browser.page
    assert "[[FILTER]]" in browser.page
    assert "andrea.sonnino@example.com" in browser.page
    assert await send(browser) == 303
    [row] = await desk.schedules()
    assert row["options"] == {
        "version": 1, "on": ["traffic", "period"], "traffic": ["external"],
        "period": ["last_month"],
    }  # fmt: skip
    assert row["addresses"] == ["john.smith@company.example", "anna@x.example"]
    assert (row["body"], row["format"], row["skip_empty"]) == ("Hello\n[[FILTER]]", "xlsx", True)
    assert row["next_at"] == datetime(2026, 2, 28, 16, 30, tzinfo=UTC)
    await browser.get(f"{PATH}?done=created")
    for shown in (
        "will be sent by itself",
        "My own monthly call list report",
        "Call List : Every 1 month, Excel to john.smith@company.example, anna@x.example",
        "Has not run yet",
        "28/02/2026 17:30",
    ):
        assert shown in browser.text
    assert await desk.told() == ["schedule_created"]


async def test_the_form_shows_what_is_stored_and_changes_it(desk: Desk) -> None:
    browser = await desk.sign_in()
    await send(browser)
    [before] = await desk.schedules()
    path = f"{PATH}/{before['id']}"
    await browser.get(path)
    for shown in ("My own monthly call list report", "john.smith@company.example; anna@x.example",
                  "2026-01-31", "17:30"):  # fmt: skip
        assert shown in unescape(browser.page)
    assert re.search(r'value="xlsx" checked', browser.page)
    assert "Last month" in browser.text
    assert await send(browser, path, every="2", unit="weeks", subject="Weekly") == 303
    [after] = await desk.schedules()
    assert (after["every"], after["unit"], after["subject"]) == (2, "weeks", "Weekly")
    assert after["options"] == before["options"]
    assert after["next_at"] == datetime(2026, 2, 14, 16, 30, tzinfo=UTC)
    assert await send(browser, f"{path}?options=1&on=traffic&traffic=internal") == 303
    [other] = await desk.schedules()
    assert other["options"]["traffic"] == ["internal"]
    assert await desk.told() == ["schedule_created", *["schedule_changed"] * 2]
    [told] = await desk.fetch("select details from audit where action = 'schedule_created'")
    assert told["details"]["addresses"] == "john.smith@company.example, anna@x.example"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("description", " ", "Please fill this in."),
        ("description", "x" * 201, "It may have 200 letters at most."),
        ("subject", "One\nBcc: spy@evil.example", "signs that cannot be written"),
        ("subject", "Bell\x07", "signs that cannot be written"),
        ("body", "x" * 10_001, "It may have 10000 letters at most."),
        ("addresses", "", "Write at least one address."),
        ("addresses", "john; a@b.example", "“john” is no mail address."),
        ("addresses", "a@b.example\r\nBcc: c@d.example", "“Bcc: c@d.example” is no mail address."),
        ("addresses", ";".join(f"a{n}@b.example" for n in range(51)), "there may be 50 at most"),
        ("format", "exe", "Choose one of these."),
        ("start_date", "31/03/2026", "Write a day like 2026-03-31."),
        ("start_date", "2026-02-30", "Write a day like 2026-03-31."),
        ("start_date", "9999-12-31", "Write a day like 2026-03-31."),
        ("start_time", "25:00", "Write a time like 17:30."),
        ("every", "0", "Write a number from 1 to 9999."),
        ("every", "1.5", "Write a number from 1 to 9999."),
        ("every", "99999999999999", "Write a number from 1 to 9999."),
        ("unit", "seconds", "Choose one of these."),
        ("zone", "Europe/Atlantis", "Choose one of these."),
        ("zone", "../../etc/passwd", "Choose one of these."),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    desk: Desk, field: str, value: str, words: str
) -> None:
    browser = await desk.sign_in()
    assert await send(browser, **{field: value}) == 422
    assert words in browser.text
    assert 'aria-invalid="true"' in browser.page
    assert "My own monthly" in browser.page or field == "description"
    assert await desk.schedules() == []


async def test_the_shortest_repeat_is_five_minutes(desk: Desk) -> None:
    browser = await desk.sign_in()
    assert await send(browser, unit="minutes", every="4") == 422
    assert "Write a number from 5 to 9999." in browser.text
    assert await send(browser, unit="minutes", every="5") == 303


async def test_the_next_runs_are_told_before_it_is_saved(desk: Desk) -> None:
    browser = await desk.sign_in()
    await browser.get(NEW)
    kept = {name: browser.hidden(name) for name in ("report", "query")}
    said = "Next runs: 28/02/2026 17:30 , 31/03/2026 17:30 , 30/04/2026 17:30"
    answer = await browser.submit(f"{PATH}/new", **(kept | FORM | {"action": "preview"}))
    assert answer.status_code == 200
    assert said in browser.text
    assert await desk.schedules() == []
    times = "&".join(
        f"{n}={FORM[n]}" for n in ("start_date", "start_time", "every", "unit", "zone")
    )
    await browser.get(f"{PATH}/next-runs?{times}")
    assert said in browser.text
    assert "<html" not in browser.page
    await browser.get(f"{PATH}/next-runs?start_date=soon")
    assert "once the times above are complete" in browser.text


async def test_a_link_without_a_report_leads_to_the_reports(desk: Desk) -> None:
    browser = await desk.sign_in()
    answer = await browser.get(f"{PATH}/new")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/analytics/reports")
    for query, status in (
        ("report=no-such-report", 404),
        ("report=call-list&options=1&on=traffic&traffic=elephants", 400),
        ("saved=1", 404),
        ("saved=x", 404),
        ("saved=99999999999", 404),
    ):
        assert (await browser.get(f"{PATH}/new?{query}")).status_code == status


async def test_a_personal_report_is_scheduled_under_its_name(desk: Desk) -> None:
    draft = ReportDraft(
        "longest-calls", "monitor", "Phone Bill", "",
        {"version": 1, "on": ["traffic"], "traffic": ["internal"]},
    )  # fmt: skip
    ids = {}
    for login in ("asonnino", "dweber"):
        viewer = Viewer(await id_of(desk.database, login), "own")
        ids[login] = await desk.database.unit_of_work(
            saved_reports.create, viewer, draft, Event("report_saved"), NOW
        )
    browser = await desk.sign_in()
    assert (await browser.get(f"{PATH}/new?saved={ids['dweber']}")).status_code == 404
    assert await send(browser, f"{PATH}/new?saved={ids['asonnino']}", description="Bills") == 303
    [row] = await desk.schedules()
    assert (row["saved_id"], row["report"]) == (ids["asonnino"], "longest-calls")
    assert row["options"] == draft.options
    await browser.get(PATH)
    assert "Phone Bill : Every 1 month, Excel to" in browser.text


async def test_filters_of_another_release_are_told(desk: Desk) -> None:
    browser = await desk.sign_in()
    await send(browser)
    [row] = await desk.schedules()
    await desk.fetch("update report_schedule set options = '{\"version\": 0}'")
    await browser.get(f"{PATH}/{row['id']}")
    assert "can no longer be read" in browser.text


async def test_what_came_of_a_run_is_told(desk: Desk) -> None:
    browser = await desk.sign_in()
    await send(browser)
    [row] = await desk.schedules()
    act = f"{PATH}/{row['id']}"

    async def message() -> str:
        await browser.get(PATH)
        return browser.text

    await browser.get(PATH)
    assert (await browser.submit(f"{act}/run")).status_code == 303
    assert "Runs now" in await message()
    await desk.work()
    assert "On its way" in await message()
    [first, second] = await desk.fetch("select id from report_mail order by id")
    await desk.database.unit_of_work(report_mail.mark_sent, first["id"], NOW)
    await desk.database.unit_of_work(
        report_mail.mark_failed, second["id"], "mail server x: <b>away</b>", NOW
    )
    text = await message()
    assert "1 mail not delivered yet: it is tried again" in text
    assert "anna@x.example: mail server x: <b>away</b>" in text
    assert "<b>away" not in browser.page
    await desk.database.unit_of_work(report_mail.mark_failed, second["id"], "refused", None)
    assert "1 mail not delivered anna@x.example: refused" in await message()
    await desk.database.unit_of_work(report_mail.mark_sent, second["id"], NOW)
    assert "Sent to 2 addresses" in await message()
    for rows, failure, said in (
        (0, None, "Empty, so not sent"),
        (3, ValueError("x"), "Failed ValueError"),
    ):
        desk.rows, desk.failure = rows, failure
        desk.clock.now += timedelta(minutes=1)
        await browser.submit(f"{act}/run")
        await desk.work()
        assert said in await message()
    assert await desk.told() == ["schedule_created", *["schedule_run"] * 3]


async def test_it_is_stopped_switched_on_and_deleted(desk: Desk) -> None:
    browser = await desk.sign_in()
    await send(browser)
    [row] = await desk.schedules()
    act = f"{PATH}/{row['id']}"
    await browser.get(PATH)
    assert 'aria-checked="true"' in browser.page
    assert (await browser.submit(f"{act}/active", active="0")).status_code == 303
    [row] = await desk.schedules()
    assert (row["active"], row["next_at"]) == (False, None)
    await browser.get(act)
    assert "This schedule is stopped" in browser.text
    await browser.get(PATH)
    assert 'aria-checked="false"' in browser.page
    assert (await browser.submit(f"{act}/active", active="1")).status_code == 303
    [row] = await desk.schedules()
    assert row["next_at"] == datetime(2026, 2, 28, 16, 30, tzinfo=UTC)
    await browser.get(PATH)
    assert (await browser.submit(f"{act}/delete")).status_code == 303
    assert await desk.schedules() == []
    assert await desk.told() == [
        "schedule_created", "schedule_stopped", "schedule_activated", "schedule_deleted",
    ]  # fmt: skip
    await browser.get(PATH)
    secret = browser.hidden("csrf_token")
    for action in ("active", "delete", "run"):
        answer = await browser.post(f"{act}/{action}", active="1", csrf_token=secret)
        assert answer.status_code == 404


async def test_administrators_see_everybodys_and_stop_them(desk: Desk) -> None:
    theirs = await desk.sign_in()
    await send(theirs)
    [row] = await desk.schedules()
    act = f"{PATH}/{row['id']}"
    root = await desk.sign_in("root")
    await root.get(PATH)
    assert "Andrea Sonnino" in root.text
    assert f'href="{act}"' not in root.page
    assert f'action="{act}/run"' not in root.page
    assert (await root.get(act)).status_code == 404
    await root.get(f"{PATH}?whose=mine")
    assert "Andrea Sonnino" not in root.text
    secret = root.hidden("csrf_token")
    for action, on, status in (("run", "", 404), ("active", "0", 303), ("active", "1", 404)):
        answer = await root.post(f"{act}/{action}", csrf_token=secret, active=on)
        assert answer.status_code == status
    [told] = await desk.fetch("select * from audit where action = 'schedule_stopped'")
    assert (told["login"], told["subject_id"]) == ("root", await id_of(desk.database, "asonnino"))
    await theirs.get(PATH)
    assert "Stopped by root" in theirs.text
    assert "Andrea Sonnino" not in theirs.page.partition("<main")[2]
    await root.get("/admin/audit")
    assert "Schedule stopped" in root.text
    answer = await root.post(f"{act}/delete", csrf_token=secret)
    assert (answer.status_code, await desk.schedules()) == (303, [])


async def test_the_list_is_narrowed_by_its_address(desk: Desk) -> None:
    browser = await desk.sign_in()
    for name in ("Alpha", "Beta"):
        await send(browser, description=name)
    ids = {row["description"]: row["id"] for row in await desk.schedules()}
    await browser.get(PATH)
    await browser.submit(f"{PATH}/{ids['Beta']}/active", active="0")
    for query, shown in (
        ("q=alp", {"Alpha"}),
        ("active=no", {"Beta"}),
        ("active=yes&q=beta", set()),
        ("active=nonsense&sort=nonsense&page=x", {"Alpha", "Beta"}),
        ("sort=description&order=desc", {"Alpha", "Beta"}),
    ):
        await browser.get(f"{PATH}?{query}")
        found = set(re.findall(r"<bdi>(Alpha|Beta)</bdi></strong>", browser.page))
        assert found == shown, query
    await browser.get(f"{PATH}?sort=description&order=desc")
    assert browser.page.index("<bdi>Beta") < browser.page.index("<bdi>Alpha")
    assert 'aria-sort="descending"' in browser.page
    await browser.get(f"{PATH}?active=yes&q=beta")
    assert "Nothing matches these filters" in browser.text
    assert "Remove all" in browser.text
    await browser.get(f"{PATH}?fragment=1")
    assert "<html" not in browser.page
    assert "Alpha" in browser.page


async def test_nobody_has_more_than_so_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_schedules, "MOST_SCHEDULES", 1)
    browser = await desk.sign_in()
    assert await send(browser) == 303
    assert await send(browser, description="One more") == 422
    assert "which is all one may have" in browser.text


async def test_a_form_without_its_secret_changes_nothing(desk: Desk) -> None:
    browser = await desk.sign_in()
    await send(browser)
    [row] = await desk.schedules()
    for path in (
        f"{PATH}/new",
        *(f"{PATH}/{row['id']}{a}" for a in ("", "/active", "/delete", "/run")),
    ):
        assert (await browser.post(path, report="call-list", **FORM)).status_code == 403
    assert await desk.schedules() == [row]


@pytest.mark.parametrize("language", ["de", "ar"])
async def test_the_pages_are_whole_in_other_languages(desk: Desk, language: str) -> None:
    await desk.fetch("update person set language = $1", language)
    browser = await desk.sign_in()
    await send(browser)
    await desk.work()
    for path in (PATH, NEW, f"{PATH}/{(await desk.schedules())[0]['id']}"):
        assert (await browser.get(path)).status_code == 200
        assert f'lang="{language}"' in browser.page


async def test_a_page_is_told_of_its_own_schedules() -> None:
    own = Interest(frozenset(), frozenset(), person="7", calls=frozenset({"7"}))
    assert own.wants(Change("schedule", "7"))
    assert not own.wants(Change("schedule", "8"))
    assert replace(own, calls=None).wants(Change("schedule", "8"))


async def test_a_listing_keeps_to_its_page(desk: Desk) -> None:
    browser = await desk.sign_in()
    for number in range(3):
        await send(browser, description=f"Report {number}")
    viewer = Viewer(await id_of(desk.database, "asonnino"), "own")
    wanted = ScheduleFilter(sort="description")
    found = await desk.database.unit_of_work(report_schedules.listing, viewer, wanted, 2, 2)
    assert [row.schedule.draft.description for row in found.rows] == ["Report 2"]
    assert found.total == 3
