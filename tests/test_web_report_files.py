"""What of a result is taken away: files and mails, of the very rows of its page."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
import trio
from fixtures_mail import Catcher
from fixtures_web import Browser
from quart_trio import QuartTrio
from report_pages import (
    DEPARTMENTS,
    PATH,
    Result,
    call,
    csv_rows,
    download,
    opened,
    root,
    rows_of,
    some_calls,
    speaks,
    user,
)

from actors.bus import Bus
from actors.mailer import MailSettings
from actors.report_mail import ReportMailer
from reports.xlsx import HEADER_ROW
from storage.database import Database

__all__ = ["root", "user"]  # fixtures


@pytest.fixture(autouse=True)
def _mails_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house's own mailer lets mails alone: a test hands them out."""

    async def nothing(_: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(ReportMailer, "run", nothing)


# Files --------------------------------------------------------------------------------------------


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


async def test_subject_and_message_may_name_the_filters(user: Browser, database: Database) -> None:
    status, _ = await send(
        user, f"{PATH}/call-list/mail?options=1&on=type&way=outgoing&answer=any",
        subject="Calls: [[FILTER]]", message="Hello\n[[FILTER]]\nBye",
    )  # fmt: skip
    assert status == 303
    for row in await rows_of(database, "select subject, body from report_mail"):
        assert row["subject"] == "Calls: Call type: Outgoing calls, answered or not"
        assert row["body"] == "Hello\nCall type: Outgoing calls, answered or not\nBye"


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
