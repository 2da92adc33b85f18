"""Results of reports as people use them: every page, order and file of one run's very rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from fixtures_web import Browser
from quart_trio import QuartTrio
from report_pages import (
    ANEW,
    DEPARTMENTS,
    LIST,
    PATH,
    call,
    opened,
    root,
    rows_of,
    some_calls,
    speaks,
    user,
)

from actors.house import House
from reports.catalogue import REPORTS
from storage.database import Database

__all__ = ["root", "user"]  # fixtures


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


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("department", "Slaes; sales", "Departments: nothing you may see is called Slaes."),
        ("extension", "731; 9999; 73", "Extensions: nothing you may see is called 9999, 73."),
        ("office", "Nowhere", "Offices: nothing you may see is called Nowhere."),
        ("cost_centre", "x", "Cost centres: nothing you may see is called x."),
        ("gateway", "MILANO; Rome", "Gateways: nothing you may see is called Rome."),
        ("person", "nobody; ASONNINO", "People: nothing you may see is called nobody."),
        ("site", "Viareggio; Atlantis", "Sites: nothing you may see is called Atlantis."),
        ("department", "Sales", ""),
    ],
)
async def test_a_name_there_is_not_is_told(
    root: Browser, kind: str, values: str, words: str
) -> None:
    await opened(root, f"{LIST}&on=group1&group1={kind}&group1.values={values}")
    said = [words] if words else []
    assert re.findall(r"[A-Z][a-z ]+: nothing you may see is called [^.]*[.]", root.text) == said


async def test_names_of_others_are_as_unknown_as_any(user: Browser) -> None:
    for value in ("732", "9999"):
        await opened(user, f"{LIST}&on=group1&group1=extension&group1.values={value}")
        assert f"Extensions: nothing you may see is called {value}." in user.text


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
