"""The dashboard as a person without scripts uses it, and what its script is answered."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import cast
from urllib.parse import quote

import pytest
import trio
from call_rows import add_call
from fixtures_web import Browser, HeldClock, id_of
from quart.wrappers import Response
from quart_trio import QuartTrio

from actors.house import House
from reports.widgets import WIDGETS
from storage import preferences
from storage.database import Connection, Database
from storage.facts.copy import NotReady
from storage.facts.engine import TooSlow
from storage.viewer import Viewer
from web.dashboard_layout import NOTHING, Layout, Placed, read, widget_and_place, zone_name

PATH = "/analytics/dashboard"
USUAL = {
    "top_left": ["today-cost-by-department"],
    "top_right": ["today-cost-by-area"],
    "bottom_left": ["my-last-30-days"],
    "bottom_right": ["today-status-by-department"],
}


def zones(page: str) -> dict[str, list[str]]:
    """The widgets of each zone as a page has them."""
    found: dict[str, list[str]] = {}
    for part in page.split('data-zone="')[1:]:
        name = part.partition('"')[0]
        found[name] = re.findall(r'data-widget="([^"]+)"', part)
    return found


def have(page: str) -> str:
    """The address under which the page asks for changes."""
    match = re.search(r'data-source="([^"]+)"', page) or re.search(
        r'data-live-source="([^"]+)"', page
    )
    assert match
    return unescape(match[1])


def changed(page: str) -> list[str]:
    """What a page is sent: widgets, and parts by their names."""
    return re.findall(r'(?:data-widget|data-for)="([^"]+)"', page)


async def call(database: Database, extension: str = "731", **more: object) -> None:
    async def work(connection: Connection) -> None:
        now = await connection.fetchval("select now()")
        values = {"destination": "Milano", "destination_type": "local"}
        at = cast("datetime", more.pop("at", now))
        await add_call(connection, extension, at=at, cost="1.25", values=values, **more)  # type: ignore[arg-type]

    await database.unit_of_work(work)


async def change(browser: Browser, **form: str) -> Response:
    """Send a form of the dashboard and follow where it leads."""
    await browser.get(PATH)
    answer = await browser.submit(PATH, **form)
    assert answer.status_code == 303
    await browser.get(answer.headers["Location"].partition("#")[0])
    return answer


@pytest.fixture
async def user(browser: Browser) -> Browser:
    return await speaks(browser, "asonnino")


async def speaks(browser: Browser, login: str, language: str = "en") -> Browser:
    """Somebody signed in; the company's people speak several languages, most tests read English."""
    await browser.sign_in(login)
    await browser.get("/account/")
    await browser.submit("/account/language", language=language, next="/")
    return browser


async def test_a_first_visit_has_the_four_of_the_guides(user: Browser) -> None:
    assert (await user.get(PATH)).status_code == 200
    assert zones(user.page) == {
        name: USUAL[name] for name in ("top_left", "bottom_left", "top_right", "bottom_right")
    }
    assert "Today Top % Costs by Depart." in user.text
    assert "There are no such calls yet." in user.text
    assert user.text.count("Days and times are those of (UTC") == 1


async def test_the_gallery_has_thirteen_and_says_what_is_there(user: Browser) -> None:
    await user.get(PATH)
    boxes = re.findall(r'<input type="checkbox" name="widget" value="([^"]+)"[^>]*>', user.page)
    assert boxes == [widget.id for widget in WIDGETS]
    ticked = re.findall(r'name="widget" value="([^"]+)"[^>]*\bchecked\b', user.page)
    assert ticked == [widget.id for widget in WIDGETS if widget.usual]
    assert "On your dashboard: Bottom Right" in user.text
    assert re.search(r'<option value="bottom_right" selected>Bottom Right</option>', user.page)
    for widget in WIDGETS:
        assert widget.report.question in user.text


async def test_add_close_and_undo(user: Browser) -> None:
    await change(user, add="1", zone="top_right", widget="last-calls")
    assert zones(user.page)["top_right"] == ["today-cost-by-area", "last-calls"]
    await change(user, close="today-cost-by-area")
    assert zones(user.page)["top_right"] == ["last-calls"]
    assert "Closed: Today Top % Costs by Area" in user.text
    undo = re.search(r'name="open" value="([^"]+)"', user.page)
    assert undo
    await change(user, open=undo[1])
    assert zones(user.page)["top_right"] == ["today-cost-by-area", "last-calls"]
    assert "Closed:" not in user.text


async def test_what_was_closed_small_comes_back_small_and_once(user: Browser) -> None:
    await change(user, minimise="my-last-30-days")
    await change(user, close="my-last-30-days")
    undo = unescape((re.search(r'name="open" value="([^"]+)"', user.page) or ["", ""])[1])
    assert undo == "my-last-30-days bottom_left 0 small"
    await change(user, open=undo)
    await change(user, open=undo)
    assert zones(user.page)["bottom_left"] == ["my-last-30-days"]
    assert "Restore Last 30 Day Personal Traffic Analysis" in user.page


async def test_minimise_and_restore(user: Browser, database: Database) -> None:
    await call(database)
    answer = await change(user, minimise="today-cost-by-area")
    assert answer.headers["Location"] == f"{PATH}#widget-today-cost-by-area"
    assert 'id="table-today-cost-by-area"' not in user.page
    assert 'id="table-today-cost-by-department"' in user.page
    await change(user, restore="today-cost-by-area")
    assert 'id="table-today-cost-by-area"' in user.page


async def test_move_by_the_menu(user: Browser) -> None:
    await change(user, down="today-cost-by-department")
    assert zones(user.page)["bottom_left"] == ["today-cost-by-department", "my-last-30-days"]
    await change(user, down="today-cost-by-department")
    assert zones(user.page)["bottom_left"] == ["my-last-30-days", "today-cost-by-department"]
    await change(user, down="today-cost-by-department")
    assert zones(user.page)["bottom_left"] == ["my-last-30-days", "today-cost-by-department"]
    await change(user, place="today-cost-by-department top_right")
    assert zones(user.page)["top_right"] == ["today-cost-by-area", "today-cost-by-department"]
    await change(user, place="today-cost-by-department top_right 0")
    await change(user, up="today-status-by-department")
    assert zones(user.page) == {
        "top_left": [],
        "bottom_left": ["my-last-30-days"],
        "top_right": [
            "today-cost-by-department", "today-cost-by-area", "today-status-by-department"
        ],
        "bottom_right": [],
    }  # fmt: skip


async def test_an_empty_dashboard_says_how_to_fill_it(user: Browser) -> None:
    for listed in USUAL.values():
        await change(user, close=listed[0])
    assert not any(zones(user.page).values())
    assert "Nothing is on your dashboard" in user.text
    ticked = re.findall(r'name="widget" value="([^"]+)"[^>]*\bchecked\b', user.page)
    assert ticked == [widget.id for widget in WIDGETS if widget.usual]


async def test_a_layout_is_one_s_own(app: QuartTrio, user: Browser) -> None:
    await change(user, close="my-last-30-days")
    other = Browser(app)
    await other.sign_in("cmoreau")
    await other.get(PATH)
    assert zones(other.page)["bottom_left"] == ["my-last-30-days"]


async def test_what_is_kept_is_read_with_suspicion(user: Browser, database: Database) -> None:
    await change(user, close="my-last-30-days")
    stored = {
        "zones": {
            "top_left": [{"widget": "no-such"}, {"widget": "last-calls"}, "last-calls", 7],
            "nowhere": [{"widget": "my-last-30-days"}],
            "bottom_left": [{"widget": "last-calls", "small": "yes"}],
            "top_right": "x",
        }
    }
    viewer = Viewer(await id_of(database, "asonnino"), "own")
    await database.unit_of_work(preferences.put, viewer, "dashboard", stored)
    await user.get(PATH)
    assert {name: one for name, one in zones(user.page).items() if one} == {
        "top_left": ["last-calls"]
    }


@pytest.mark.parametrize(
    "form",
    [
        {"close": "no-such"},
        {"place": "today-cost-by-area nowhere"},
        {"place": "no-such top_left"},
        {"open": ""},
        {"add": "1", "zone": "attic", "widget": "last-calls"},
        {"add": "1", "zone": "top_left", "widget": "no-such"},
        {"add": "1", "zone": "top_left", "widget": "today-cost-by-area"},
        {"up": "last-calls"},
        {"evict": "today-cost-by-area"},
    ],
)
async def test_what_means_nothing_changes_nothing(user: Browser, form: dict[str, str]) -> None:
    await change(user, **form)
    assert zones(user.page) == {
        name: USUAL[name] for name in ("top_left", "bottom_left", "top_right", "bottom_right")
    }


async def test_a_change_needs_the_form_s_secret(user: Browser) -> None:
    await user.get(PATH)
    assert (await user.post(PATH, close="today-cost-by-area")).status_code == 403


# What is shown ------------------------------------------------------------------------------------


async def test_figures_chart_table_and_the_full_report(user: Browser, database: Database) -> None:
    await call(database)
    await user.get(PATH)
    body = user.page.partition('id="widget-today-cost-by-area"')[2].partition("</article>")[0]
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="chart chart-shares"' in body
    assert "<title" in body
    assert "<desc" in body
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", body, flags=re.DOTALL))
    assert re.search(r"Milano\s+1\s+00:01:00\s+1\.25\s+100\.0%", words)
    assert re.search(r"Total of 1 call\s+1\s+00:01:00\s+1\.25", words)
    assert (
        "/analytics/reports/group-cost-by-area?options=1&amp;on=traffic&amp;traffic=external"
        "&amp;on=period&amp;period=today"
    ) in body
    assert user.text.count("No call records have come in yet.") == 1


async def test_the_seven_days_say_how_many_rows(user: Browser, database: Database) -> None:
    await call(database)
    await change(user, add="1", zone="top_left", widget="status-last-7-days")
    assert "Call Status of last 7 days [1]" in user.text


async def test_a_user_sees_own_calls_and_a_supervisor_the_department(
    app: QuartTrio, user: Browser, database: Database
) -> None:
    for extension in ("731", "732", "741"):
        await call(database, extension)
    supervisor = await speaks(Browser(app), "cmoreau")
    root = await speaks(Browser(app), "root")
    for page, total in ((user, "1.25"), (supervisor, "2.50"), (root, "3.75")):
        await page.get(PATH)
        assert f">{total}<" in page.page
    assert "Support" not in supervisor.text
    assert "Support" in root.text


async def test_widgets_that_fail_say_so_and_the_others_stand(
    app: QuartTrio, user: Browser, database: Database, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await call(database)
    glances = house.reports.glances

    async def slow(wanted: list[tuple[Viewer, object, object]], reader: object) -> list[object]:
        if any(report.title.startswith("Today Top % Costs by Area") for _, report, _ in wanted):  # type: ignore[attr-defined]
            raise TooSlow("narrow it")
        return await glances(wanted, reader)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(house.reports, "glances", slow)
    assert (await user.get(PATH)).status_code == 200
    assert user.text.count("This could not be worked out just now.") == 1
    assert 'id="table-today-cost-by-department"' in user.page
    assert 'id="report-today-cost-by-area"' in user.page


async def test_while_figures_are_prepared_the_page_waits(
    user: Browser, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_yet(*_: object) -> None:
        raise NotReady(40)

    with monkeypatch.context() as patch:
        patch.setattr(house.reports, "glances", not_yet)
        await user.get(PATH)
        assert user.text.count("Being prepared.") == 4
        assert "data-waiting" in user.page
        address = have(user.page)
    await user.get(address)
    assert {"today-cost-by-area", "notes"} <= set(changed(user.page))
    assert "data-waiting" not in user.page


# What the script is answered ----------------------------------------------------------------------


async def test_nothing_changed_nothing_sent(user: Browser, database: Database) -> None:
    await call(database)
    await user.get(PATH)
    await user.get(have(user.page))
    assert changed(user.page) == []
    assert json.loads(unescape(re.findall(r'data-arranged="([^"]+)"', user.page)[0])) == USUAL


async def test_only_what_changed_is_sent(user: Browser, database: Database) -> None:
    await call(database)
    await change(user, add="1", zone="top_left", widget="week-cost-by-date")
    await change(user, minimise="my-last-30-days")
    address = have(user.page)
    await call(database, direction="incoming")
    await user.get(address)
    assert changed(user.page) == ["today-status-by-department"]
    await user.get(have(user.page))
    assert changed(user.page) == []


async def test_a_call_of_others_sends_nothing(user: Browser, database: Database) -> None:
    await user.get(PATH)
    address = have(user.page)
    await call(database, "741")
    await user.get(address)
    assert changed(user.page) == []


async def test_minimised_widgets_are_not_worked_out(
    user: Browser, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change(user, minimise="today-cost-by-area")
    asked: list[str] = []
    glances = house.reports.glances

    async def noted(wanted: list[tuple[Viewer, object, object]], reader: object) -> list[object]:
        asked.extend(report.title for _, report, _ in wanted)  # type: ignore[attr-defined]
        return await glances(wanted, reader)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(house.reports, "glances", noted)
    await user.get(PATH)
    assert len(asked) == 3
    assert "Today Top % Costs by Area" not in asked


async def test_a_change_is_answered_by_what_the_page_lacks(user: Browser) -> None:
    await user.get(PATH)
    address, secret = have(user.page), user.hidden("csrf_token")
    answer = await user.post(address, csrf_token=secret, close="today-cost-by-area")
    assert answer.status_code == 200
    assert changed(user.page) == ["choices", "notice"]
    assert "Closed: Today Top % Costs by Area" in user.text
    address = have(user.page)
    await user.post(address, csrf_token=secret, add="1", zone="top_left", widget="last-calls")
    assert changed(user.page) == ["last-calls", "choices", "notice"]
    order = json.loads(unescape(re.findall(r'data-arranged="([^"]+)"', user.page)[0]))
    assert order["top_left"] == ["today-cost-by-department", "last-calls"]
    assert order["top_right"] == []


async def test_the_page_knows_when_its_day_is_over(browser: Browser, clock: HeldClock) -> None:
    clock.now = datetime(2026, 1, 15, 22, 59, tzinfo=UTC)
    await (await speaks(browser, "asonnino")).get(PATH)
    assert 'data-midnight="60"' in browser.page


async def test_in_another_language_it_is_another_body(user: Browser, database: Database) -> None:
    await call(database)
    await user.get(PATH)
    before = re.findall(r'data-have="([^"]+)"', user.page)
    await user.get("/account/")
    await user.submit("/account/language", language="de", next="/")
    await user.get(PATH)
    assert not set(before) & set(re.findall(r'data-have="([^"]+)"', user.page))


async def test_zones_are_called_by_where_they_are_seen(user: Browser) -> None:
    assert zone_name("top_left", "rtl") == "Top Right"
    assert zone_name("bottom_right", "ltr") == "Bottom Right"
    await user.get("/account/")
    await user.submit("/account/language", language="ar", next="/")
    await user.get(PATH)
    assert 'dir="rtl"' in user.page
    assert list(zones(user.page)) == ["top_left", "bottom_left", "top_right", "bottom_right"]


async def test_a_strange_have_is_no_harm(user: Browser) -> None:
    for text in ("", ".", "x", "a.b,c", "…", "," * 50):
        answer = await user.get(f"{PATH}?fragment=1&have={quote(text)}")
        assert answer.status_code == 200
        assert len(changed(user.page)) == 6


# The layout ---------------------------------------------------------------------------------------


def test_a_layout_comes_back_as_it_was_kept() -> None:
    layout = NOTHING.put(Placed("last-calls", small=True), "top_left")
    layout = layout.put(Placed("my-last-30-days"), "top_left", 0)
    assert read(json.loads(json.dumps(layout.json()))) == layout
    assert read(NOTHING.json()) == NOTHING


def test_all_thirteen_fit_a_preference() -> None:
    layout = NOTHING
    for widget in WIDGETS:
        layout = layout.put(Placed(widget.id, small=True), "bottom_right")
    assert len(json.dumps(layout.json())) < preferences.MOST_BYTES


def test_moving_beyond_an_end_stays() -> None:
    layout = Layout({**NOTHING.zones, "top_left": (Placed("last-calls"),)})
    assert layout.stepped("last-calls", -1) == layout
    below = layout.stepped("last-calls", 1)
    assert below.place("last-calls") == ("bottom_left", 0)
    assert below.stepped("last-calls", 1) == below
    assert layout.stepped("no-such", 1) == layout


@pytest.mark.parametrize("text", ["", "last-calls", "last-calls attic", "x top_left"])
def test_what_names_no_place(text: str) -> None:
    assert widget_and_place(text) is None


async def test_of_two_changes_made_at_once_neither_is_lost(user: Browser) -> None:
    """Two windows of one person: each change begins from what the other left."""
    await user.get(PATH)
    ids = [widget.id for widget in WIDGETS]

    async def close(widget: str) -> None:
        assert (await user.submit(PATH, close=widget)).status_code == 303

    async with trio.open_nursery() as nursery:
        for placed in USUAL.values():
            nursery.start_soon(close, placed[0])
    await user.get(PATH)
    assert not [name for name in ids if f'id="widget-{name}"' in user.page]
