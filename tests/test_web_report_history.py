"""What is left of runs, and runs that take long: history, kept results, waiting, cancelling."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio
from fixtures_web import Browser, HeldClock
from quart_trio import QuartTrio
from report_pages import (
    ANEW,
    LIST,
    PATH,
    Result,
    call,
    csv_rows,
    download,
    opened,
    root,
    rows_of,
    speaks,
    user,
)

from actors.house import House
from actors.report_jobs import RUNNING_AT_ONCE
from storage.database import Database
from storage.facts.copy import NotReady
from storage.facts.engine import TooSlow
from storage.facts.meant import NotAskable
from web import report_results

__all__ = ["root", "user"]  # fixtures


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
