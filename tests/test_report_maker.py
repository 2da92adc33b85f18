"""A scheduled report from its time to the mailbox: the real report and file, a real server."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
import trio
from fixtures_mail import Catcher

from actors.house import House, Outside, open_house
from actors.mailer import MailSettings
from actors.report_maker import CannotRun, ReportMaker
from actors.report_schedules import Made
from storage import people, report_schedules
from storage.audit import Event
from storage.database import Connection, Database
from storage.report_schedule_types import Schedule, ScheduleDraft, ScheduleFilter
from storage.viewer import Viewer
from telephony.clock import system_clock
from telephony.plant import Plant

CALLS = {"asonnino": 3, "bkowalska": 2, "dweber": 4}
OPTIONS: dict[str, Any] = {"version": 1, "on": ["period"], "period": ["today"]}


async def _calls(connection: Connection) -> None:
    """Calls of today for some people."""
    for login, count in CALLS.items():
        for number in range(count):
            await connection.execute(
                """
                insert into call (key, party, revision, counted, direction, extension, person_id,
                       unit_id, payer, number, e164, originated_at, started_at, ended_at, ring_s,
                       duration_s, call_duration_s, answered, cost, currency, gateway_id, site_id)
                select $1, 0, 1, true, 'outgoing', o.extension, p.id, p.unit_id, o.extension,
                       $3, '+39021234567', $4, $4, $4, 5, 60, 60, true, 0.06, 'EUR',
                       (select min(id) from gateway), p.site_id
                  from person p join extension_owner o on o.person_id = p.id where p.login = $2
                """,
                uuid4(),
                login,
                f"00212345{number:02}",
                system_clock(),
            )


def a_draft(**more: Any) -> ScheduleDraft:
    fields: dict[str, Any] = {
        "report": "call-list", "options": OPTIONS, "description": "Mine", "subject": "",
        "body": "[[FILTER]]", "addresses": ("john@company.example",), "format": "xlsx",
        "skip_empty": True, "starts_local": datetime(2026, 1, 1, 9), "zone": "Europe/Rome",  # noqa: DTZ001 - a time on the wall
        "every": 1, "unit": "months",
    }  # fmt: skip
    return ScheduleDraft(**(fields | more))


def a_schedule(**more: Any) -> Schedule:
    return Schedule(1, 1, a_draft(**more), active=True, next_at=None, asked_at=None, last_at=None,
                    saved_name="")  # fmt: skip


class Works:
    def __init__(self, database: Database, house: House) -> None:
        self.database = database
        self.make = ReportMaker(house.reports, database, system_clock)

    async def made(self, login: str, **more: Any) -> Made:
        person = await self.database.unit_of_work(people.by_login, login)
        assert person
        return await self.make(person, a_schedule(**more))


@pytest.fixture
async def works(database: Database, company: Plant) -> Any:
    await database.unit_of_work(_calls)
    async with open_house(database, system_clock, Outside()) as house:
        yield Works(database, house)


def sheet(content: bytes) -> list[list[Any]]:
    """Every cell of the first sheet."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def calls_in(content: bytes) -> int:
    """How many rows of a workbook hold the number the calls went to, its last digits hidden."""
    return sum("02123****" in row for row in sheet(content))


@pytest.mark.parametrize(("login", "rows"), [("asonnino", 3), ("cmoreau", 5), ("root", 9)])
async def test_everybody_gets_what_they_may_see(works: Works, login: str, rows: int) -> None:
    made = await works.made(login)
    assert made.rows == rows
    assert calls_in(made.file.content) == rows
    assert made.file.name.endswith(".xlsx")


async def test_it_is_said_in_the_owners_language(works: Works) -> None:
    made = await works.made("asonnino", format="pdf")
    assert made.language == "it"
    assert made.file.content.startswith(b"%PDF")
    assert made.file.media_type == "application/pdf"
    assert str(datetime.now(UTC).year) in made.subject
    assert " · " in made.subject
    assert made.subject.partition(" · ")[2] in made.filters


@pytest.mark.parametrize(("country", "begins"), [("US", r"\w+ 1, \d{4}"), ("GB", r"1 \w+ \d{4}")])
async def test_days_are_written_as_where_the_owner_sits(
    works: Works, country: str, begins: str
) -> None:
    """No browser tells a schedule how a day is written: 10/11 must not be taken for another."""

    async def moved(connection: Connection) -> None:
        await connection.execute("update site set country = $1", country)
        await connection.execute("update person set language = 'en' where login = 'asonnino'")

    await works.database.unit_of_work(moved)
    options = {"version": 1, "on": ["period"], "period": ["last_month"]}
    made = await works.made("asonnino", options=options)
    assert re.search(rf" · {begins} – ", made.subject), made.subject


async def test_an_empty_report_has_no_rows(works: Works) -> None:
    options = {"version": 1, "on": ["period"], "period": ["last_year"]}
    assert (await works.made("asonnino", options=options)).rows == 0


@pytest.mark.parametrize("what", [{"report": "no-such-report"}, {"options": {"version": 0}}])
async def test_what_cannot_be_run_says_why(works: Works, what: dict[str, Any]) -> None:
    with pytest.raises(CannotRun):
        await works.made("asonnino", **what)


async def test_no_answer_is_kept_of_it(works: Works) -> None:
    await works.made("asonnino")
    assert not works.make._reports.answers._kept


async def test_a_scheduled_report_arrives(
    database: Database, company: Plant, catcher: Catcher
) -> None:
    await database.unit_of_work(_calls)
    outside = Outside(mail=MailSettings("127.0.0.1", catcher.port, "none", "p@example.com"))
    person = await database.unit_of_work(people.by_login, "cmoreau")
    assert person
    viewer, told, now = Viewer.of(person), Event("schedule_created"), system_clock()
    schedule_id = await database.unit_of_work(
        report_schedules.create, viewer, a_draft(), now + timedelta(days=1), told, now
    )
    await database.unit_of_work(report_schedules.run_now, viewer, schedule_id, told, now)
    async with open_house(database, system_clock, outside):
        with trio.fail_after(60):
            while True:
                listed = await database.unit_of_work(
                    report_schedules.listing, viewer, ScheduleFilter(), 1, 5
                )
                if listed.rows[0].delivery.sent:
                    break
    [(_, message)] = catcher.messages
    [attached] = message.iter_attachments()
    assert calls_in(attached.get_content()) == 5
    assert message["Reply-To"] == "camille.moreau@example.com"
    assert message["Content-Language"] == "fr"
