"""The home page of Call Analytics: last calls, this month's figures, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from call_rows import add_call
from fixtures_web import Browser, HeldClock
from quart_trio import QuartTrio

from storage.database import Connection, Database

NOW = datetime(2026, 4, 27, 15, 0, tzinfo=UTC)
Add = Callable[..., Awaitable[str]]


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(NOW)


@pytest.fixture
def add(database: Database, app: QuartTrio) -> Add:
    async def added(*args: Any, **values: Any) -> str:
        at = values.pop("at", NOW - timedelta(hours=1))
        return await database.unit_of_work(add_call, *args, at=at, **values)

    return added


async def at_home(browser: Browser, login: str, path: str = "/analytics/") -> Browser:
    """Somebody on their home page, in English."""
    browser.headers["Accept-Language"] = "en-US"
    await browser.sign_in(login)
    await browser.get("/account/")
    await browser.submit("/account/language", language="en", next="/")
    await browser.get(path)
    return browser


def rows(browser: Browser) -> list[list[str]]:
    """The cells of the table of calls as they are read, the type by its words."""
    found = re.findall(r"<tr role=\"row\" data-call.*?</tr>", browser.page, flags=re.DOTALL)
    return [[_words(cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for row in found]


def _words(cell: str) -> str:
    icon = re.search(r'role="img" aria-label="([^"]*)"', cell)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", cell)).strip()
    return unescape(text or (icon[1] if icon else ""))


def tiles(browser: Browser) -> list[str]:
    found = re.findall(r'<p class="home-tile">(.*?)</p>', browser.page, re.DOTALL)
    return [unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one)).strip()) for one in found]


async def change(database: Database, text: str, *values: object) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(text, *values)

    await database.unit_of_work(work)


# Last Calls ---------------------------------------------------------------------------------------


async def test_a_row_reads_as_in_the_sample(browser: Browser, add: Add) -> None:
    at = datetime(2026, 4, 24, 12, 29, 50, tzinfo=UTC)
    await add(number="00266771234", e164="+390266771234", at=at, seconds=6025, cost="9.0149")
    await at_home(browser, "asonnino")
    assert "Home" in re.findall(r"<title>(.*?) · ", browser.page)
    for name in ("Last Calls", "My dashboard", "Refresh", "Cost (EUR)", "Europe/Rome"):
        assert name in browser.text
    assert rows(browser) == [
        [
            "Outgoing call to PSTN", "731", "Sonnino Andrea", "026677****",
            "4/24/2026", "2:29:50 PM", "01:40:25", "9.01", "Milano",
        ]
    ]  # fmt: skip


async def test_each_kind_of_call_says_what_it_is(browser: Browser, add: Add) -> None:
    e164 = "+390266771234"
    at = NOW - timedelta(hours=2)
    await add(e164=e164, at=at)
    await add(e164=e164, at=at - timedelta(minutes=1), direction="incoming")
    await add(e164=e164, at=at - timedelta(minutes=2), direction="incoming", seconds=0)
    await add(e164=e164, at=at - timedelta(minutes=3), seconds=0)
    await add(other="732", at=at - timedelta(minutes=4))
    await add(e164=e164, at=at - timedelta(minutes=5), gateway=None)
    await at_home(browser, "asonnino")
    assert [(row[0], row[3], row[8]) for row in rows(browser)] == [
        ("Outgoing call to PSTN", "026677****", "Milano"),
        ("Incoming call from PSTN", "026677****", "Milano"),
        ("Missed incoming call", "026677****", "Milano"),
        ("Missed outgoing call", "026677****", "Milano"),
        ("Internal call", "732", "Internal calls"),
        ("Outgoing call to PSTN", "026677****", "Unknown gateway"),
    ]


async def test_no_hidden_digit_is_in_the_page_or_its_addresses(browser: Browser, add: Add) -> None:
    await add(number="00266771234", e164="+390266771234")
    await at_home(browser, "root")
    assert "026677****" in browser.text
    assert "66771" not in browser.page


async def test_top_n_is_in_the_address_and_kept(browser: Browser, add: Add) -> None:
    for minute in range(25):
        await add(at=NOW - timedelta(minutes=minute))
    await at_home(browser, "asonnino")
    assert len(rows(browser)) == 20
    for number in (10, 20, 50, 100, 200):
        assert re.search(rf'<a href="/analytics/\?top={number}"', browser.page)
    await browser.get("/analytics/?top=10")
    assert len(rows(browser)) == 10
    await browser.get("/analytics/")
    assert len(rows(browser)) == 10
    assert re.search(r'top=10" aria-current="true"', browser.page)
    for wrong in ("0", "-1", "11", "x", "9999999999", "%C2%B2"):
        await browser.get(f"/analytics/?top={wrong}")
        assert len(rows(browser)) == 10
    other = Browser(browser.client.app)  # type: ignore[arg-type]
    await at_home(other, "bkowalska")
    assert re.search(r'top=20" aria-current="true"', other.page)


async def test_a_refresh_of_the_page_itself_keeps_nothing(browser: Browser, add: Add) -> None:
    await at_home(browser, "asonnino")
    await browser.get("/analytics/?top=50&fragment=1")
    assert "<html" not in browser.page
    await browser.get("/analytics/")
    assert re.search(r'top=20" aria-current="true"', browser.page)


async def test_bold_numbers_lead_to_all_calls_with_them(browser: Browser, add: Add) -> None:
    sample = {"number": "00266771234", "e164": "+390266771234"}
    first = await add(**sample)
    await add(number="0266771234", e164="+390266771234", direction="incoming")
    await add(number="00266779999", e164="+390266779999")
    await add("732", **sample)
    await at_home(browser, "asonnino")
    link = unescape(re.findall(rf'href="(/analytics/calls\?[^"]*{first}[^"]*)"', browser.page)[0])
    assert "extension=731" in link
    answer = await browser.get(link)
    assert answer.status_code == 200
    assert [row[3] for row in rows(browser)] == ["026677****", "026677****"]
    assert "66771" not in link
    assert "66771" not in browser.page


async def test_nothing_yet_says_so(browser: Browser, database: Database) -> None:
    await at_home(browser, "asonnino")
    assert "Calls appear here by themselves, a moment after they end." in browser.text
    await change(database, "update extension_owner set until_at = now() where extension = '731'")
    await browser.get("/analytics/")
    assert "You have no extension." in browser.text


async def test_times_are_those_of_the_default_zone_in_ones_own_clock(
    browser: Browser, add: Add, database: Database
) -> None:
    await add(at=datetime(2026, 4, 27, 10, 28, 16, tzinfo=UTC))
    await change(database, "update company set time_zone = 'Asia/Kathmandu'")
    await change(database, "update person set time_format = '24'")
    await at_home(browser, "asonnino")
    assert rows(browser)[0][4:6] == ["4/27/2026", "16:13:16"]
    assert "Asia/Kathmandu" in browser.text
    await change(database, "update person set time_format = '12'")
    await browser.get("/analytics/")
    assert rows(browser)[0][5] == "4:13:16 PM"


# My dashboard -------------------------------------------------------------------------------------


async def test_the_five_tiles(browser: Browser, add: Add) -> None:
    await add(cost="15.195", seconds=313, ring_s=7)
    await add(direction="incoming", seconds=0, ring_s=7)
    await add(other="732", seconds=313, ring_s=7)
    await add(direction="incoming", seconds=0, ring_s=7, at=NOW - timedelta(days=1))
    await add(cost="99", at=NOW - timedelta(days=40))
    await at_home(browser, "asonnino")
    assert tiles(browser) == [
        "Euro 15.20 Current month total cost",
        "4 Current month total calls",
        "00:05:13 Current month average duration",
        "00:00:07 Current month average ring time",
        "1 Today missed calls",
    ]
    assert (
        "Of the 4 calls this month 2 were answered, 2 were missed and 0 reached nobody; they cost"
        " €15.20 in all, and a conversation took 00:05:13 on average." in browser.text
    )


async def test_the_month_and_the_day_begin_in_the_default_zone(
    browser: Browser, add: Add, clock: HeldClock
) -> None:
    clock.now = datetime(2026, 4, 30, 22, 30, tzinfo=UTC)  # the first of May in Rome
    await add(direction="incoming", seconds=0, at=datetime(2026, 4, 30, 21, 59, tzinfo=UTC))
    await add(direction="incoming", seconds=0, at=datetime(2026, 4, 30, 22, 1, tzinfo=UTC))
    await at_home(browser, "asonnino")
    assert tiles(browser)[1] == "1 Current month total calls"
    assert tiles(browser)[4] == "1 Today missed calls"


async def test_an_internal_call_is_two_rows_and_one_call(browser: Browser, add: Add) -> None:
    await add(other="732")
    await at_home(browser, "root")
    assert {(row[1], row[3]) for row in rows(browser)} == {("731", "732"), ("732", "731")}
    assert tiles(browser)[1] == "1 Current month total calls"


async def test_the_menu_tells_what_my_month_cost(browser: Browser, add: Add) -> None:
    await add(cost="3.30")
    await add("741", cost="9")
    await at_home(browser, "asonnino", "/")
    assert "€3.30" in browser.text
    assert "1 call this month" in browser.text


# Whose --------------------------------------------------------------------------------------------


async def test_a_user_has_no_choice_of_whose(browser: Browser, add: Add) -> None:
    await add("732")
    await at_home(browser, "asonnino")
    for path in ("/analytics/", "/analytics/?whose=all"):
        await browser.get(path)
        assert rows(browser) == []
        assert "Everybody" not in browser.text


@pytest.mark.parametrize(
    ("login", "words", "seen"),
    [
        ("cmoreau", "Sales", {"731", "733"}),
        ("root", "Everybody", {"731", "733", "741", "799"}),
    ],
)
async def test_whose_calls_is_chosen_and_kept(
    browser: Browser, add: Add, login: str, words: str, seen: set[str]
) -> None:
    for extension in ("731", "733", "741", "799"):
        await add(extension)
    own = {"cmoreau": "733", "root": "799"}[login]
    await at_home(browser, login)
    assert re.search(rf'aria-current="true">{words}</a>', browser.page)
    assert {row[1] for row in rows(browser)} == seen
    assert tiles(browser)[1].startswith(f"{len(seen)} ")
    await browser.get("/analytics/?whose=mine")
    assert {row[1] for row in rows(browser)} == {own}
    assert tiles(browser)[1].startswith("1 ")
    await browser.get("/analytics/")
    assert {row[1] for row in rows(browser)} == {own}
    await browser.get("/analytics/?whose=nonsense")
    assert {row[1] for row in rows(browser)} == {own}


async def looks(database: Database) -> list[tuple[str, str]]:
    async def read(connection: Connection) -> list[tuple[str, str]]:
        found = await connection.fetch(
            "select login, subject from audit where action = 'calls_viewed' order by id"
        )
        return [(row["login"], row["subject"]) for row in found]

    return await database.unit_of_work(read)


async def test_a_look_at_others_is_remembered_once(
    browser: Browser, add: Add, database: Database, clock: HeldClock
) -> None:
    await at_home(browser, "cmoreau", "/analytics/?whose=mine")
    assert await looks(database) == []
    for _ in range(3):
        await browser.get("/analytics/?whose=all")
    assert await looks(database) == [("cmoreau", "last calls: Sales")]
    clock.now += timedelta(minutes=16)
    await browser.get("/analytics/")
    assert len(await looks(database)) == 2


async def test_a_look_at_ones_own_is_nobodys_news(
    browser: Browser, add: Add, database: Database
) -> None:
    await add()
    await at_home(browser, "asonnino")
    assert await looks(database) == []


# The boxes, and the pages that wait ---------------------------------------------------------------


async def test_the_boxes_hold_what_works(browser: Browser) -> None:
    await at_home(browser, "asonnino")
    for words in ("Public Reports", "Personal Reports", "Report History", "Report List"):
        assert words in browser.text
    links = set(re.findall(r'href="(/analytics/[^"#]*)"', browser.page))
    for link in links:
        assert (await browser.get(unescape(link))).status_code == 200, link


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/analytics/reports", "Interactive Reports"),
        ("/analytics/scheduled-reports", "Scheduled Reports"),
        ("/analytics/alarms/new", "Create Alarm"),
        ("/analytics/alarms", "Scheduled Alarms"),
    ],
)
async def test_pages_that_wait_lead_to_what_works(browser: Browser, path: str, title: str) -> None:
    await at_home(browser, "asonnino", path)
    assert re.search(rf"<h1>{title}</h1>", browser.page)
    main = re.findall(r"<main.*?</main>", browser.page, re.DOTALL)[0]
    assert "<form" not in main
    assert "<input" not in main
    for link in re.findall(r'href="(/[^"]*)"', main):
        assert (await browser.get(unescape(link))).status_code == 200, link


async def test_nobody_sees_anything_without_a_session(app: QuartTrio) -> None:
    stranger = Browser(app)
    for path in ("/analytics/", "/analytics/calls", "/analytics/calls/x", "/search?q=a"):
        assert (await stranger.get(path)).status_code == 303
        joined = path + ("&" if "?" in path else "?") + "fragment=1"
        assert (await stranger.get(joined)).status_code == 401
