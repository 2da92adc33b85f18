"""The list of calls by its address, and one call with what it cost and why."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from cdr_text import write
from fixtures_web import Browser
from quart_trio import QuartTrio
from test_ingest import a_leg, take
from test_web_home import NOW, Add, add, at_home, change, clock, looks, rows

from storage.database import Connection, Database

__all__ = ["add", "clock"]  # fixtures


# Filters ------------------------------------------------------------------------------------------


async def test_the_newest_come_first_on_pages_of_fifty(browser: Browser, add: Add) -> None:
    for minute in range(53):
        await add(at=NOW - timedelta(minutes=minute))
    await at_home(browser, "asonnino", "/analytics/calls")
    assert len(rows(browser)) == 50
    assert "53 calls · 53 answered · 0 not answered · €0.00" in browser.text
    assert "Page 1 of 2" in browser.text
    await browser.get("/analytics/calls?page=2")
    assert len(rows(browser)) == 3
    for beyond in ("3", "99999", "0", "-1", "x", "%C2%B2"):
        answer = await browser.get(f"/analytics/calls?page={beyond}")
        assert answer.status_code == 200
        assert len(rows(browser)) in (3, 50)


async def test_filters_stand_in_the_address_and_are_removed_one_by_one(
    browser: Browser, add: Add
) -> None:
    await add("731", gateway="Viareggio")
    await add("732", gateway="Viareggio", direction="incoming", seconds=0)
    await add("732")
    path = "/analytics/calls?extension=732&gateway=Viareggio&type=missed&from=2026-04-01"
    await at_home(browser, "root", path)
    assert [row[1] for row in rows(browser)] == ["732"]
    chips = re.findall(r'class="chip" href="([^"]*)"', browser.page)
    assert len(chips) == 4
    for chip in map(unescape, chips):
        assert (await browser.get(chip)).status_code == 200
        assert len(re.findall(r'class="chip"', browser.page)) == 3
    await browser.get("/analytics/calls?extension=732")
    assert len(rows(browser)) == 2


async def test_days_are_those_of_the_default_zone(browser: Browser, add: Add) -> None:
    midnight = NOW.replace(hour=22, minute=0)  # of the 28th in Rome
    await add("731", at=midnight - timedelta(seconds=1))
    await add("732", at=midnight)
    await at_home(browser, "root", "/analytics/calls?from=2026-04-28&until=2026-04-28")
    assert [row[1] for row in rows(browser)] == ["732"]
    await browser.get("/analytics/calls?until=2026-04-27")
    assert [row[1] for row in rows(browser)] == ["731"]


@pytest.mark.parametrize("text", ["asonnino", "ASonnino", "andrea sonnino", "Sonnino  Andrea"])
async def test_a_person_is_found_by_name_or_user_name(
    browser: Browser, add: Add, text: str
) -> None:
    await add("731")
    await add("732")
    await at_home(browser, "cmoreau", f"/analytics/calls?person={text}")
    assert [row[1] for row in rows(browser)] == ["731"]
    assert "Person: Sonnino Andrea" in re.sub(r"\s+", " ", browser.text)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("from", "yesterday", "Write a day like 2026-03-31."),
        ("until", "2026-02-30", "Write a day like 2026-03-31."),
        ("extension", "7 31'", "Write one extension, like 731."),
        ("person", "dweber", "Nobody whose calls you may see is called that."),
        ("type", "loud", "Choose one of the list."),
        ("gateway", "Atlantis", "Choose one of the list."),
    ],
)
async def test_a_wrong_filter_is_refused_beside_its_field(
    browser: Browser, add: Add, name: str, value: str, words: str
) -> None:
    await add("731")
    await at_home(browser, "cmoreau")
    answer = await browser.client.get(
        "/analytics/calls",
        query_string={"extension": "731", "type": "outgoing"} | {name: value},
        headers=browser.headers,
    )
    browser.page = (await answer.get_data()).decode()
    assert answer.status_code == 422
    assert rows(browser) == []
    error = re.search(rf'id="field-{name}-error">(.*?)</span>', browser.page, re.DOTALL)
    assert error is not None
    assert words in error[1]
    assert f'aria-describedby="field-{name}-error"' in browser.page
    if name not in {"type", "gateway"}:
        field = re.search(rf'name="{name}" type="\w+" value="([^"]*)"', browser.page)
        assert field is not None
        assert unescape(field[1]) == value
    if name not in {"extension", "type"}:
        assert 'value="731"' in browser.page


async def test_the_last_day_lies_not_before_the_first(browser: Browser) -> None:
    await at_home(browser, "root", "/analytics/calls?from=2026-03-02&until=2026-03-01")
    assert "The last day lies before the first." in browser.text


async def test_a_call_that_is_not_mine_names_no_number(browser: Browser, add: Add) -> None:
    theirs = await add("741", number="00266771234", e164="+390266771234")
    await add("731", number="00266771234", e164="+390266771234")
    await at_home(browser, "asonnino")
    for like in (f"{theirs}.0", "00000000-0000-4000-8000-000000000000.0", "nonsense"):
        answer = await browser.get(f"/analytics/calls?like={like}")
        assert answer.status_code == 422
        assert "is no longer in your list" in browser.text
        assert rows(browser) == []


async def test_nothing_found_says_how_to_go_on(browser: Browser, add: Add) -> None:
    await at_home(browser, "root", "/analytics/calls")
    assert "No calls yet" in browser.text
    await browser.get("/analytics/calls?extension=731")
    assert "No call matches these filters" in browser.text


async def test_a_users_filters_reach_no_further(browser: Browser, add: Add) -> None:
    await add("732")
    await at_home(browser, "asonnino")
    for query in ("", "?extension=732", "?whose=all", "?type=outgoing", "?gateway=Milano"):
        await browser.get(f"/analytics/calls{query}")
        assert rows(browser) == []


async def test_internal_calls_are_counted_once_and_that_is_said(browser: Browser, add: Add) -> None:
    await add("731", other="732")
    await at_home(browser, "root", "/analytics/calls")
    assert len(rows(browser)) == 2
    assert "1 call · 1 answered" in browser.text
    assert "An internal call has a row for each extension and is counted once." in browser.text


async def test_what_was_looked_at_is_remembered(
    browser: Browser, add: Add, database: Database
) -> None:
    key = await add("731", number="00266771234", e164="+390266771234")
    await at_home(browser, "root", "/")
    await browser.get(f"/analytics/calls?person=asonnino&like={key}.0")
    await browser.get("/analytics/calls?whose=mine")
    await browser.get("/analytics/calls?type=nonsense")
    assert await looks(database) == [
        ("root", "call list: everybody, person Sonnino Andrea, like 026677****")
    ]


def crumbs(browser: Browser) -> list[tuple[str, str]]:
    """The addresses above a page and what they are called."""
    found = re.search(r'<nav class="crumbs".*?</nav>', browser.page, re.DOTALL)
    assert found
    return re.findall(r'<a href="([^"]*)">([^<]*)</a>', unescape(found[0]))


@pytest.mark.parametrize(
    ("led_by", "expected"),
    [
        ("", ("/analytics/calls", "Call List")),
        ("http://portal.example/analytics/calls?type=missed", None),
        ("http://portal.example/analytics/reports/longest-calls?d=last-7-days&page=2", None),
        ("http://portal.example/analytics/dashboard", None),
        ("http://elsewhere.example/analytics/calls?type=missed", ("/analytics/calls", "Call List")),
        ("http://portal.example/analytics/reports/none-such", ("/analytics/calls", "Call List")),
        ("http://[portal.example/analytics/calls?x", ("/analytics/calls", "Call List")),
    ],
)
async def test_the_breadcrumb_leads_back_to_the_list_that_led_here(
    browser: Browser, priced: str, led_by: str, expected: tuple[str, str] | None
) -> None:
    await at_home(browser, "asonnino", "/analytics/calls")
    await browser.get(f"/analytics/calls/{priced}", Referer=led_by)
    titles = {"calls": "Call List", "longest-calls": "Longest calls", "dashboard": "Dashboard"}
    back = led_by.removeprefix("http://portal.example")
    known = titles.get(back.partition("?")[0].rpartition("/")[2], "")
    assert crumbs(browser)[-1] == (expected or (back, known))


async def test_formulas_and_tags_are_only_text(
    browser: Browser, add: Add, database: Database
) -> None:
    await change(database, "update person set last_name = '<b>=1+1</b>' where login = 'asonnino'")
    await add("731")
    await at_home(browser, "root", "/analytics/calls?extension=%3Cscript%3E")
    assert "<script>" not in browser.page[browser.page.index("<main") :]
    await browser.get("/analytics/calls?person=asonnino")
    assert "<b>=1" not in browser.page
    assert "&lt;b&gt;=1" in browser.page


# One call -----------------------------------------------------------------------------------------


@pytest.fixture
async def priced(database: Database, app: QuartTrio, tmp_path: Path) -> str:
    """A call taken in and priced as any other: 60 seconds from 731 to Milano; its id."""
    await take(database, write(tmp_path, [a_leg(1)]))

    async def key(connection: Connection) -> str:
        return await connection.fetchval("select key::text || '.' || party from call")

    return await database.unit_of_work(key)


async def test_a_call_says_why_it_cost_what_it_cost(browser: Browser, priced: str) -> None:
    await at_home(browser, "asonnino", f"/analytics/calls/{priced}")
    assert browser.value("call-number") == "026677****"
    assert browser.value("call-duration") == "00:01:00"
    for words in (
        "Outgoing call to PSTN", "0.06 EUR", "60 seconds were billed of 60 spoken.",
        "The first 60 s", "carrier-2026", "0.06 a minute", "+3902 · Milano",
    ):  # fmt: skip
        assert words in browser.text
    assert "66771" not in browser.page


@pytest.mark.parametrize(
    ("login", "status"),
    [("asonnino", 200), ("cmoreau", 200), ("root", 200), ("dweber", 404), ("bkowalska", 404)],
)
async def test_a_call_of_others_is_not_there(
    browser: Browser, priced: str, login: str, status: int
) -> None:
    await at_home(browser, login)
    assert (await browser.get(f"/analytics/calls/{priced}")).status_code == status
    for wrong in ("x", priced[:-1] + "7", "00000000-0000-4000-8000-000000000000.0"):
        assert (await browser.get(f"/analytics/calls/{wrong}")).status_code == 404


async def test_a_look_at_anothers_call_names_whose_it_was(
    browser: Browser, priced: str, database: Database
) -> None:
    await at_home(browser, "asonnino", f"/analytics/calls/{priced}")
    assert await looks(database) == []
    other = Browser(browser.client.app)  # type: ignore[arg-type]
    await at_home(other, "cmoreau", f"/analytics/calls/{priced}")
    ((login, subject),) = await looks(database)
    assert login == "cmoreau"
    assert "number 026677****" in subject

    async def subject_login(connection: Connection) -> str:
        return await connection.fetchval(
            "select p.login from audit a join person p on p.id = a.subject_id"
            " where a.action = 'calls_viewed'"
        )

    assert await database.unit_of_work(subject_login) == "asonnino"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"other": "732"}, "Calls between extensions cost nothing."),
        ({"direction": "incoming"}, "Incoming calls cost nothing."),
        ({"seconds": 0}, "Unanswered calls cost nothing."),
        ({"gateway": None}, "a gateway nobody has named yet"),
        ({}, "had no price list when the call started"),
    ],
)
async def test_a_call_without_a_price_says_why(
    browser: Browser, add: Add, values: dict[str, object], words: str
) -> None:
    key = await add(**values)
    await at_home(browser, "asonnino", f"/analytics/calls/{key}.0")
    assert words in browser.text
