"""Results of reports as people use them: every page, order and file of one run's very rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
import trio
from fixtures_mail import Catcher
from fixtures_web import Browser, HeldClock
from quart_trio import QuartTrio
from report_pages import DEPARTMENTS, LIST, PATH, Result, call, opened, rows_of, some_calls, speaks

from actors.bus import Bus
from actors.house import House
from actors.mailer import MailSettings
from actors.report_jobs import RUNNING_AT_ONCE
from actors.report_mail import ReportMailer
from reports.catalogue import REPORTS
from reports.xlsx import HEADER_ROW
from storage.database import Database
from storage.facts.copy import NotReady
from storage.facts.engine import TooSlow
from storage.facts.meant import NotAskable
from web import report_results

ANEW = "The result you came from is no longer kept. This is a new one, made just now."


@pytest.fixture
async def user(app: QuartTrio, database: Database) -> Browser:
    await some_calls(database)
    return await speaks(app)


@pytest.fixture
async def root(app: QuartTrio, database: Database) -> Browser:
    await some_calls(database)
    return await speaks(app, "root")


@pytest.fixture(autouse=True)
def _mails_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house's own mailer lets mails alone: a test hands them out."""

    async def nothing(_: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(ReportMailer, "run", nothing)


# The page -----------------------------------------------------------------------------------------


async def test_a_list_has_its_calls_and_totals(user: Browser) -> None:
    shown = await opened(user)
    assert list(shown.headings) == [
        "Type", "Extension", "Name", "Number", "Date and time", "Duration", "Cost (EUR)",
        "Gateway",
    ]  # fmt: skip
    assert shown.sorted_by == [("Date and time", "descending")]
    assert [row.cells[3] for row in shown.rows] == ["0026677****", "0333123****", "004930123****"]
    assert [row.cells[5] for row in shown.rows] == ["00:01:00", "00:10:00", "00:00:00"]
    assert shown.headline == "Total of 3 calls · Duration: 00:11:00 · Cost (EUR): 4.25"
    assert shown.count == "3 rows"
    assert "Times are those of (UTC+01:00) Rome, Central European Time." in user.text
    assert shown.chips == {}


async def test_a_call_leads_to_its_page(user: Browser) -> None:
    shown = await opened(user)
    for row in shown.rows:
        assert (await user.get(row.href)).status_code == 200
        assert row.cells[5] in user.text
    assert len({row.href for row in shown.rows}) == 3


async def test_a_group_has_totals_of_the_whole(root: Browser) -> None:
    shown = await opened(root, DEPARTMENTS)
    at = list(shown.headings).index("Total cost (EUR)")
    assert {row.cells[0]: row.cells[at] for row in shown.rows} == {
        "Sales": "6.35",
        "Support": "4.75",
    }
    assert [cells[at] for cells in shown.totals] == ["11.10"]
    assert shown.all("//figure//svg")


GROUPED = [
    one.id
    for one in REPORTS.values()
    if not one.is_list and one.subject == "calls" and "calls" in one.columns
]


@pytest.mark.parametrize("report", GROUPED)
async def test_a_group_leads_to_exactly_its_calls(root: Browser, report: str) -> None:
    shown = await opened(root, f"{PATH}/{report}?options=1&on=traffic&traffic=external")
    at = list(shown.headings).index("Calls")
    assert shown.rows
    for row in shown.rows:
        there = await opened(root, row.href)
        assert f"Total of {row.cells[at]} call" in there.headline


async def test_chips_are_filters_that_come_off(user: Browser) -> None:
    shown = await opened(
        user, f"{LIST}&on=type&way=outgoing&answer=any&on=group1&group1=extension&group1.values=731"
    )
    assert len(shown.chips) == 2
    assert len(shown.rows) == 2
    without = next(href for words, href in shown.chips.items() if "Outgoing" in words)
    shown = await opened(user, without)
    assert len(shown.chips) == 1
    assert len(shown.rows) == 3
    (without,) = shown.chips.values()
    assert (await opened(user, without)).chips == {}


async def test_what_is_typed_is_text(user: Browser) -> None:
    address = f"{LIST}&on=group1&group1=department&group1.values=<script>alert(1)</script>"
    await opened(user, address)
    assert "<script>alert" not in user.page
    assert "&lt;script&gt;" in user.page


async def test_no_calls_is_said_in_words(user: Browser) -> None:
    shown = await opened(user, f"{LIST}&on=group1&group1=extension&group1.values=999")
    assert "No call matches these filters" in user.text
    assert not shown.rows
    assert list(shown.chips)
    (without,) = shown.chips.values()
    assert len((await opened(user, without)).rows) == 3


async def test_a_wrong_filter_leads_to_the_form(user: Browser) -> None:
    answer = await user.get(f"{LIST}&on=most&most=many&run=x&page=2")
    assert answer.status_code == 303
    where = answer.headers["Location"]
    assert where == f"{PATH}/call-list/options?options=1&on=most&most=many"
    await user.get(where)
    assert 'value="many"' in user.page


@pytest.mark.parametrize(
    "path", ["no-such", "no-such/options", "no-such/save", "no-such/mail", "no-such/export.csv",
             "call-list/export.exe", "call-list?saved=1", "call-list/save?saved=x",
             "history/1", "history/2147483647", "history/99999999999999999999", "runs"]
)  # fmt: skip
async def test_nothing_is_there(user: Browser, path: str) -> None:
    assert (await user.get(f"{PATH}/{path}")).status_code == 404


# Order and pages ----------------------------------------------------------------------------------


async def test_every_heading_sorts(root: Browser) -> None:
    shown = await opened(root)
    run, whole = shown.run, sorted(row.cells for row in shown.rows)
    for number, (name, address) in enumerate(shown.headings.items()):
        there = await opened(root, address)
        assert there.run == run
        assert sorted(row.cells for row in there.rows) == whole
        ((by, direction),) = there.sorted_by
        assert by == name
        other = await opened(root, there.headings[name])
        assert {direction, other.sorted_by[0][1]} == {"ascending", "descending"}
        cells = [row.cells[number] for row in there.rows]
        back = [row.cells[number] for row in other.rows]
        assert _known(cells) == _known(back)[::-1], name
        if name == "Cost (EUR)":
            assert list(map(float, cells)) == sorted(map(float, cells), reverse=True)


def _known(cells: list[str]) -> list[str]:
    """What has a value: what has none stands last in either order."""
    return [cell for cell in cells if cell not in {"", "Internal calls"}]


async def test_a_column_there_is_not_sorts_nothing(user: Browser) -> None:
    shown = await opened(user, f"{LIST}&sort=password&order=desc&page=minus&size=7")
    assert shown.sorted_by == [("Date and time", "descending")]
    assert len(shown.rows) == 3


async def test_pages_are_of_the_very_same_rows(app: QuartTrio, database: Database) -> None:
    start = datetime.now(UTC) - timedelta(hours=5)
    for number in range(120):
        await call(database, at=start + timedelta(seconds=number), seconds=number + 1)
    user = await speaks(app)
    shown = await opened(user)
    assert shown.count == "120 rows"
    assert "Page 1 of 3" in user.text
    run, seen = shown.run, [row.href for row in shown.rows]
    await call(database, seconds=999)
    while next_page := shown.all("//a[@id='page-next']/@href"):
        shown = await opened(user, next_page[0])
        assert shown.run == run
        seen += [row.href for row in shown.rows]
    assert len(seen) == len(set(seen)) == 120
    assert "Page 3 of 3" in user.text
    assert shown.all("//a[@id='page-previous']")
    shown = await opened(user, shown.link("100"))
    assert len(shown.rows) == 100
    assert "Page 1 of 2" in user.text
    again = await opened(user, shown.link("Run again"))
    assert again.count == "121 rows"
    assert len(again.rows) == 100, "how many rows a page has is remembered"
    assert again.run != run


async def test_a_page_beyond_the_end_is_the_last(user: Browser) -> None:
    assert len((await opened(user, f"{LIST}&page=99")).rows) == 3


# Whose --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "extensions"),
    [
        ("asonnino", {"731"}),
        ("cmoreau", {"731", "732"}),
        ("root", {"731", "732", "741", "751"}),
    ],
)
async def test_a_link_shows_whoever_opens_it_their_own(
    app: QuartTrio, database: Database, login: str, extensions: set[str]
) -> None:
    await some_calls(database)
    sent = await opened(await speaks(app, "root"), f"{LIST}&on=traffic&traffic=all")
    link = sent.headings["Cost (EUR)"]
    browser = await speaks(app, login)
    shown = await opened(browser, link)
    assert {row.cells[1] for row in shown.rows} == extensions
    other = [one for one in ("731", "732", "741", "751") if one not in extensions]
    asked = "; ".join(other) or "999"
    shown = await opened(browser, f"{LIST}&on=group1&group1=extension&group1.values={asked}")
    assert shown.rows == []


async def test_a_run_opens_for_nobody_else(app: QuartTrio, root: Browser) -> None:
    shown = await opened(root)
    other = await speaks(app)
    theirs = await opened(other, shown.headings["Duration"])
    assert ANEW in other.text
    assert theirs.run != shown.run
    assert {row.cells[1] for row in theirs.rows} == {"731"}
    await other.get(f"{PATH}/runs/{shown.run}")
    assert other.page == '{"over": true, "elapsed": ""}'
    await other.get("/account/")
    assert (await other.submit(f"{PATH}/runs/{shown.run}/cancel")).status_code == 404
    assert (await opened(root, shown.headings["Duration"])).run == shown.run


async def test_a_run_of_another_report_is_not_taken(root: Browser) -> None:
    run = (await opened(root)).run
    assert len((await opened(root, f"{DEPARTMENTS}&run={run}")).rows) == 2
    assert ANEW in root.text


async def test_whoever_sees_less_now_loses_the_run(app: QuartTrio, database: Database) -> None:
    await some_calls(database)
    browser = await speaks(app, "cmoreau")
    shown = await opened(browser)
    assert {row.cells[1] for row in shown.rows} == {"731", "732"}
    await rows_of(database, "update person set role = 'user', scope = null where login = 'cmoreau'")
    await browser.get(shown.headings["Duration"])
    assert "Sonnino" not in browser.page


async def test_rows_that_are_gone_are_run_anew(user: Browser, house: House) -> None:
    shown = await opened(user)
    for number in list(house.reports.answers._kept):
        await house.reports.answers.forget(number)
    again = await opened(user, shown.headings["Duration"])
    assert ANEW in user.text
    assert len(again.rows) == 3
    assert again.run != shown.run
    assert again.sorted_by == [("Duration", "descending")]


async def test_a_look_at_others_is_remembered(
    app: QuartTrio, user: Browser, database: Database
) -> None:
    await opened(user)
    sql = "select subject, details from audit where action = 'calls_viewed'"
    assert await rows_of(database, sql) == []
    supervisor = await speaks(app, "cmoreau")
    await opened(supervisor, f"{LIST}&on=traffic&traffic=external")
    ((told),) = await rows_of(database, sql)
    assert "call-list" in told["subject"]
    assert "External" in told["details"]["filter"]


# Files --------------------------------------------------------------------------------------------


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def download(browser: Browser, address: str) -> tuple[bytes, Any]:
    answer = await browser.client.get(address, headers=browser.headers)
    assert answer.status_code == 200
    content = await answer.get_data()
    assert isinstance(content, bytes)
    return content, answer.headers


async def test_csv_is_the_page(root: Browser, database: Database) -> None:
    shown = await opened(root, (await opened(root)).headings["Cost (EUR)"])
    await call(database, cost="99.00")
    content, headers = await download(root, shown.link("CSV"))
    assert headers["Content-Type"].startswith("text/csv")
    assert re.search(r"filename=.*\.csv", headers["Content-Disposition"])
    _, *lines, totals = csv_rows(content)
    for column in (0, 1, 2, 3, 5, 6, 7):
        assert [line[column] for line in lines] == [row.cells[column] for row in shown.rows]
    assert "99.00" not in content.decode()
    assert [totals[5], totals[6]] == re.findall(r": (\S+)", shown.headline)
    assert b"1234567" not in content
    ((told),) = await rows_of(database, "select details from audit where action = 'calls_exported'")
    assert told["details"]["format"] == "csv"
    assert told["details"]["rows"] == str(len(lines))


async def test_excel_is_the_page(root: Browser) -> None:
    shown = await opened(root, DEPARTMENTS)
    content, headers = await download(root, shown.link("Excel"))
    assert "spreadsheetml" in headers["Content-Type"]
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    read = list(sheet.iter_rows(min_row=HEADER_ROW + 1, values_only=True))
    assert list(read[0]) == list(shown.headings)
    names, cost = (
        [row.cells[0] for row in shown.rows],
        list(shown.headings).index("Total cost (EUR)"),
    )
    assert [line[0] for line in read[1:3]] == names
    assert [f"{line[cost]:.2f}" for line in read[1:3]] == [row.cells[cost] for row in shown.rows]
    assert f"{read[3][cost]:.2f}" == shown.totals[0][cost]


async def test_pdf_is_the_page(root: Browser, tmp_path: Path) -> None:
    shown = await opened(root)
    content, headers = await download(root, shown.link("PDF"))
    assert headers["Content-Type"] == "application/pdf"
    (tmp_path / "report.pdf").write_bytes(content)
    command = ["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"]
    text = (await trio.run_process(command, capture_stdout=True)).stdout.decode()
    for row in shown.rows:
        for cell in (row.cells[3], row.cells[5], row.cells[6]):
            assert cell in text
    assert shown.headline.partition(" · ")[0] in text
    assert "1234567" not in text


async def test_a_file_without_a_run_is_made_of_a_new_one(user: Browser) -> None:
    content, _ = await download(user, f"{PATH}/call-list/export.csv?options=1")
    assert len(csv_rows(content)) == 5


async def test_a_name_is_no_formula(app: QuartTrio, database: Database) -> None:
    await some_calls(database)
    await rows_of(database, "update person set last_name = '=1+1' where login = 'asonnino'")
    content, _ = await download(await speaks(app), f"{PATH}/call-list/export.csv?options=1")
    assert {line[2] for line in csv_rows(content)[1:4]} == {"'=1+1 Andrea"}


# Mail ---------------------------------------------------------------------------------------------

Send = Callable[..., Awaitable[int]]


async def send(browser: Browser, path: str, **more: str) -> tuple[int, str]:
    """Fill the form in and send it where it says."""
    await browser.get(path)
    once = browser.hidden("once")
    action = Result(browser.page).all("//main//form/@action")[0]
    form = {
        "addresses": "john.smith@company.example; Mary <mary@company.example>", "format": "xlsx",
        "subject": "The calls", "message": "", "once": once,
    }  # fmt: skip
    answer = await browser.submit(action, **(form | more))
    return answer.status_code, answer.headers.get("Location", "")


async def test_a_result_goes_to_several_addresses(
    user: Browser, database: Database, catcher: Catcher
) -> None:
    shown = await opened(user, (await opened(user)).headings["Duration"])
    await call(database, seconds=999)
    status, there = await send(user, shown.link("Send Mail"))
    assert status == 303
    await user.get(there)
    assert "On its way to 2 addresses." in user.text
    settings = MailSettings("127.0.0.1", catcher.port, "none", "Phones <phones@example.com>")
    mailer = ReportMailer(database, lambda: datetime.now(UTC), Bus(), settings)
    assert await mailer.deliver_pending() == 2
    sent = [message for _, message in catcher.messages]
    assert {str(one["To"]) for one in sent} == {
        "john.smith@company.example",
        "mary@company.example",
    }
    for one in sent:
        assert one["Subject"] == "The calls"
        (attached,) = one.iter_attachments()
        sheet = openpyxl.load_workbook(io.BytesIO(attached.get_content())).worksheets[0]
        read = list(sheet.iter_rows(min_row=HEADER_ROW + 2, max_col=4, values_only=True))
        assert [line[3] for line in read[:3]] == [row.cells[3] for row in shown.rows]
    ((told),) = await rows_of(database, "select details from audit where action = 'report_mailed'")
    assert told["details"]["rows"] == "3"
    assert "mary@company.example" in told["details"]["addresses"]


async def test_the_form_of_a_mail_says_what_is_wrong(user: Browser, database: Database) -> None:
    path = f"{PATH}/call-list/mail?options=1"
    for field, typed, said in (
        ("addresses", "nobody", "is no mail address."),
        ("addresses", "", "Write at least one"),
        ("format", "csv", "Choose one of the list."),
        ("subject", "x" * 301, "Write one line of at most 300 letters."),
        ("message", "x" * 10_001, "Write at most 10000 letters."),
    ):
        status, _ = await send(user, path, **{field: typed})
        assert status == 422
        assert said in user.text
        assert "Nothing is sent yet" in user.text
    assert await rows_of(database, "select * from report_mail") == []
    status, _ = await send(user, path, once="again and again")
    assert status == 400


async def test_a_form_sent_twice_is_one_mail(user: Browser, database: Database) -> None:
    for _ in range(2):
        status, _ = await send(user, f"{PATH}/call-list/mail?options=1", once="0" * 32)
        assert status == 303
    assert len(await rows_of(database, "select * from report_mail")) == 2
    assert len(await rows_of(database, "select * from report_mail_file")) == 1
    assert len(await rows_of(database, "select 1 from audit where action = 'report_mailed'")) == 1


async def test_the_form_begins_with_one_s_own_address(user: Browser) -> None:
    await user.get(f"{PATH}/call-list/mail?options=1")
    assert "andrea.sonnino@example.com" in user.page
    assert "The report is run when you send it." in user.text


# History ------------------------------------------------------------------------------------------


async def kept(house: House) -> None:
    """Wait for what runs leave behind."""
    for job in list(house.report_jobs._jobs.values()):
        await job.kept.wait()


async def test_a_kept_result_is_what_it_was(
    user: Browser, house: House, database: Database
) -> None:
    shown = await opened(user, f"{LIST}&on=traffic&traffic=external")
    await kept(house)
    await call(database, cost="77.00")
    history = await opened(user, f"{PATH}/history")
    assert "External calls" in user.text
    assert "under 1 s" in user.text
    there = await opened(user, history.all("//a[@class='row-link']/@href")[0])
    assert [row.cells for row in there.rows] == [row.cells for row in shown.rows]
    assert "This is the result as it was on" in user.text
    assert "4.25" in " ".join(there.totals[0])
    again = await opened(user, there.link("Run again"))
    assert again.count == "4 rows"


async def test_a_kept_result_is_taken_away_as_it_was(
    root: Browser, house: House, database: Database
) -> None:
    await opened(root, f"{LIST}&on=traffic&traffic=external")
    await kept(house)
    await call(database, cost="77.00")
    history = await opened(root, f"{PATH}/history")
    there = await opened(root, history.all("//a[@class='row-link']/@href")[0])
    content, headers = await download(root, there.link("CSV"))
    assert headers["Content-Type"].startswith("text/csv")
    assert len(csv_rows(content)) == len(there.rows) + 2
    assert "77.00" not in content.decode()
    content, _ = await download(root, there.link("PDF"))
    assert content.startswith(b"%PDF")
    told = await rows_of(database, "select details from audit where action = 'calls_exported'")
    assert {row["details"]["format"] for row in told} == {"csv", "pdf"}
    answer = await root.get(there.link("CSV").replace(".csv", ".exe"))
    assert answer.status_code == 404


async def test_a_long_result_has_no_pdf_and_says_why(
    user: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_results, "PDF_ROWS", 2)
    shown = await opened(user)
    assert "PDF at most 2 rows" in user.text
    assert shown.link("CSV")
    await opened(user, shown.link("Send Mail"))
    assert "PDF: at most 2 rows" in user.text
    assert 'value="pdf"' not in user.page


async def test_a_history_begins_empty(user: Browser) -> None:
    await user.get(f"{PATH}/history")
    assert "You have run no report yet" in user.text


async def test_a_history_is_one_s_own(app: QuartTrio, root: Browser, house: House) -> None:
    await opened(root)
    await kept(house)
    await root.get(f"{PATH}/history")
    address = Result(root.page).all("//a[@class='row-link']/@href")[0]
    assert (await root.get(address)).status_code == 200
    other = await speaks(app, "cmoreau")
    assert (await other.get(address)).status_code == 404
    await other.get(f"{PATH}/history")
    assert "You have run no report yet" in other.text


async def test_a_kept_result_without_rows_says_so(user: Browser, house: House) -> None:
    await opened(
        user, f"{LIST}&on=period&period=between&from=1999-01-01T00:00&until=1999-02-01T00:00"
    )
    await kept(house)
    history = await opened(user, f"{PATH}/history")
    await user.get(history.all("//a[@class='row-link']/@href")[0])
    assert "No calls matched" in user.text


async def test_a_result_goes_with_the_right_to_see_it(
    app: QuartTrio, database: Database, house: House
) -> None:
    browser = await speaks(app, "cmoreau")
    await opened(browser, LIST)
    await kept(house)
    await browser.get(f"{PATH}/history")
    address = Result(browser.page).all("//a[@class='row-link']/@href")[0]
    await browser.get(address)
    assert "This is the result as it was on" in browser.text
    await rows_of(database, "update person set role = 'user', scope = null"
                  " where login = 'cmoreau' returning 1")  # fmt: skip
    await browser.get(address)
    assert "only the run itself is kept" in browser.text
    await browser.get(f"{address}/export.csv")
    assert "only the run itself is kept" in browser.text


async def test_a_result_is_kept_for_a_time(user: Browser, house: House, clock: HeldClock) -> None:
    await opened(user)
    await kept(house)
    history = await opened(user, f"{PATH}/history")
    (address,) = history.all("//a[@class='row-link']/@href")
    clock.now = datetime.now(UTC) + timedelta(days=400)
    await user.sign_in()
    there = await opened(user, address)
    assert "only the run itself is kept" in user.text
    assert (await opened(user, there.link("Run again"))).rows


# Runs that take long ------------------------------------------------------------------------------


class Held:
    """Runs that go on until a test lets them."""

    def __init__(self, house: House, patch: pytest.MonkeyPatch) -> None:
        self.go = trio.Event()
        self.error: Exception | None = None
        run = house.reports.run

        async def held(*asked: Any) -> Any:
            await self.go.wait()
            if self.error is not None:
                raise self.error
            return await run(*asked)

        patch.setattr(house.reports, "run", held)
        patch.setattr(report_results, "PATIENCE_S", 0)


@pytest.fixture
def held(house: House, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(house, monkeypatch)


async def waiting(browser: Browser, address: str = LIST) -> tuple[str, str]:
    """The page of a run that goes on: where it asks how it stands, and where the result will be."""
    page = await opened(browser, address)
    assert "The report is running" in browser.text
    (part,) = page.all("//*[@data-run]")
    return part.get("data-run").partition("?")[0], part.get("data-result")


async def test_a_long_run_gives_way_to_its_result(user: Browser, house: House, held: Held) -> None:
    standing, again = await waiting(user)
    await user.get(standing)
    assert '"over": false' in user.page
    assert await waiting(user, again) == (standing, again)
    assert await waiting(user) == (standing, again), "the same is not run twice"
    held.go.set()
    job = house.report_jobs.find(standing.rpartition("/")[2], *_viewer(house))
    assert job is not None
    await job.over.wait()
    await user.get(standing)
    assert '"over": true' in user.page
    shown = await opened(user, again)
    assert len(shown.rows) == 3
    assert f"/{shown.run}" in standing
    assert ANEW not in user.text


def _viewer(house: House) -> list[Any]:
    return [job.viewer for job in house.report_jobs._jobs.values()]


async def test_a_run_is_cancelled(
    user: Browser, house: House, held: Held, database: Database
) -> None:
    standing, _ = await waiting(user, f"{LIST}&on=traffic&traffic=all")
    await user.get(f"{PATH}/history")
    assert "Running now Call List" in user.text
    answer = await user.submit(f"{standing}/cancel")
    assert answer.status_code == 303
    held.go.set()
    await user.get(answer.headers["Location"])
    assert "The run is cancelled." in user.text
    assert re.search(r'value="all"\s+selected', user.page)
    await user.get(f"{PATH}/history")
    assert "You have run no report yet" in user.text
    assert "Running now" not in user.text
    assert (await user.submit(f"{standing}/cancel") if "csrf" in user.page else answer).status_code
    assert await rows_of(database, "select * from report_run") == []
    assert house.report_jobs.running(*_viewer(house)[:1] or [None]) == []  # type: ignore[list-item]


async def test_who_waits_keeps_the_order_and_hears_of_a_cancel_elsewhere(
    user: Browser, held: Held, database: Database
) -> None:
    standing, again = await waiting(user, f"{LIST}&sort=cost&order=desc&page=2")
    assert "sort=cost&order=desc" in again
    assert "page=2" in again
    await user.submit(f"{standing}/cancel")
    held.go.set()
    await user.get(standing)
    assert '"over": true' in user.page
    answer = await user.get(again)
    assert "cancelled=1" in answer.headers["Location"]
    assert await rows_of(database, "select * from report_run") == []


async def test_only_so_many_at_once(app: QuartTrio, user: Browser, held: Held) -> None:
    for number in range(RUNNING_AT_ONCE):
        await waiting(user, f"{LIST}&on=most&most={number + 1}")
    for path in (LIST, f"{PATH}/call-list/export.csv?options=1"):
        assert (await user.get(path)).status_code == 429
        assert "Too many reports at once" in user.text
    await waiting(await speaks(app, "root"))
    held.go.set()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (TooSlow("slow"), 503, "This report takes too long"),
        (NotAskable("odd"), 422, "This cannot be asked of calls"),
        (NotReady(40), 503, "The calls are being prepared"),
    ],
)
async def test_why_there_is_no_result(
    user: Browser, held: Held, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int,
    said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(report_results, "PATIENCE_S", 60)
    held.error = error
    held.go.set()
    for path in (LIST, f"{PATH}/call-list/export.csv?options=1"):
        answer = await user.get(path)
        assert answer.status_code == status, path
        assert said in user.text
    held.error = None
    assert len((await opened(user)).rows) == 3


async def test_a_copy_that_is_ready_by_now_is_asked(
    user: Browser, house: House, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of a run that found no copy yet comes back to the same address."""
    _, again = await waiting(user)
    held.error = NotReady(40)
    held.go.set()
    monkeypatch.setattr(report_results, "PATIENCE_S", 60)
    answer = await user.get(again)
    assert answer.status_code == 503
    assert answer.headers["Refresh"]
    assert "40" in user.text
    held.error = None
    assert len((await opened(user, again)).rows) == 3


async def test_a_link_keeps_its_filters(user: Browser) -> None:
    address = f"{LIST}&on=type&way=outgoing&answer=any&on=most&most=1"
    shown = await opened(user, address)
    for name in ("Options", "Save Report", "Send Mail", "Schedule report", "CSV", "Run again"):
        asked = parse_qs(urlsplit(shown.link(name)).query)
        assert asked["on"] == ["type", "most"], name
        assert asked["way"] == ["outgoing"]
