"""The dashboard in a browser: added, closed, moved by pointer and keyboard, and live."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, Route, expect

if TYPE_CHECKING:
    from conftest import Axe, Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("calls")]

Open = Callable[..., Page]
PATH = "/analytics/dashboard"
CHEAP = "0024540"
AREA, DEPARTMENT = "today-cost-by-area", "today-cost-by-department"
MINE, STATUS = "my-last-30-days", "today-status-by-department"
USUAL = {
    "top_left": [DEPARTMENT], "bottom_left": [MINE], "top_right": [AREA], "bottom_right": [STATUS]
}  # fmt: skip


def widget(page: Page, name: str) -> Locator:
    return page.locator(f"#widget-{name}")


def arrangement(page: Page) -> dict[str, list[str]]:
    """The widgets of each zone, all at one moment."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".zone")].map(zone => [
            zone.dataset.zone,
            [...zone.querySelectorAll(".widget")].map(one => one.dataset.widget)]))"""
    )


def send(page: Page, **form: str) -> None:
    token = page.locator("[name=csrf_token]").first.get_attribute("value") or ""
    assert page.request.post(PATH, form={"csrf_token": token, **form}).ok


def dashboard(page: Page) -> Page:
    """The dashboard with the four widgets of a first visit, its first look over."""
    page.goto(PATH)
    for name in [name for names in arrangement(page).values() for name in names]:
        send(page, close=name)
    for zone, (name,) in USUAL.items():
        send(page, open=f"{name} {zone}")
    with page.expect_response(re.compile(r"fragment=1")):
        page.goto(PATH)
    assert arrangement(page) == USUAL
    page.evaluate("window.here = true")
    return page


def saved(page: Page) -> object:
    """Wait for the answer to a change of the arrangement."""
    return page.expect_response(
        lambda answer: answer.request.method == "POST" and "/analytics/dashboard" in answer.url
    )


def test_add_close_and_undo(sign_in: Open) -> None:
    page = dashboard(sign_in())
    page.locator("#add-widget").click()
    page.get_by_role("checkbox", name="Last Calls Report").check()
    page.get_by_role("checkbox", name="Today Costs by Hours").check()
    expect(page.get_by_role("checkbox", name="Today Top % Costs by Area")).to_be_disabled()
    page.get_by_label("Target Zone").select_option("Top Right")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(widget(page, "last-calls")).to_be_visible()
    expect(page.locator("#gallery")).not_to_have_attribute("open", "")
    expect(page.locator("#dashboard-said")).to_have_text(
        "Added: Today Costs by Hours, Last Calls Report"
    )
    assert arrangement(page)["top_right"] == [AREA, "today-cost-by-hour", "last-calls"]
    expect(page.locator("#grip-today-cost-by-hour")).to_be_focused()
    page.get_by_role("button", name="Close Today Costs by Hours").click()
    expect(widget(page, "today-cost-by-hour")).to_have_count(0)
    expect(page.locator("#undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(widget(page, "today-cost-by-hour")).to_be_visible()
    assert arrangement(page)["top_right"] == [AREA, "today-cost-by-hour", "last-calls"]
    assert page.evaluate("window.here") is True
    page.reload()
    assert arrangement(page)["top_right"] == [AREA, "today-cost-by-hour", "last-calls"]


def test_minimise_is_kept(sign_in: Open) -> None:
    page = dashboard(sign_in())
    tall = widget(page, MINE).bounding_box()
    page.get_by_role("button", name="Minimise Last 30 Day").click()
    expect(widget(page, MINE).locator(".widget-body")).to_have_count(0)
    expect(page.locator(f"#size-{MINE}")).to_be_focused()
    low = widget(page, MINE).bounding_box()
    assert tall
    assert low
    assert low["height"] < 60 < tall["height"]
    page.reload()
    expect(widget(page, MINE).locator(".widget-body")).to_have_count(0)
    page.get_by_role("button", name="Restore Last 30 Day").click()
    expect(widget(page, MINE).locator("svg.chart").first).to_be_visible()


def test_moved_by_arrow_keys(sign_in: Open) -> None:
    page = dashboard(sign_in())
    grip, said = page.locator(f"#grip-{DEPARTMENT}"), page.locator("#dashboard-said")
    grip.focus()
    for key, zone, place, words in (
        ("ArrowRight", "top_right", [DEPARTMENT, AREA], "Top Right, 1 of 2"),
        ("ArrowDown", "top_right", [AREA, DEPARTMENT], "Top Right, 2 of 2"),
        ("ArrowDown", "bottom_right", [DEPARTMENT, STATUS], "Bottom Right, 1 of 2"),
        ("ArrowUp", "top_right", [AREA, DEPARTMENT], "Top Right, 2 of 2"),
        ("ArrowLeft", "top_left", [DEPARTMENT], "Top Left, 1 of 1"),
        ("ArrowDown", "bottom_left", [DEPARTMENT, MINE], "Bottom Left, 1 of 2"),
    ):
        with saved(page):  # type: ignore[attr-defined]
            page.keyboard.press(key)
        expect(said).to_have_text(f"Today Top % Costs by Depart.: {words}")
        assert arrangement(page)[zone] == place
        expect(grip).to_be_focused()
    page.reload()
    assert arrangement(page)["bottom_left"] == [DEPARTMENT, MINE]


QUICK = ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp")


def press(page: Page, keys: tuple[str, ...]) -> dict[str, list[str]]:
    """Move a widget by keys, as quick as a hand is, and give where everything stands then."""
    page.locator(f"#grip-{DEPARTMENT}").focus()
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("#dashboard-said")).to_have_text(re.compile("Bottom Left, 1 of 2"))
    return arrangement(page)


def slow_changes(page: Page) -> list[str]:
    """Make the way of every change to the server a slow one; what is sent is listed."""
    sent: list[str] = []

    def on_the_way(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data or "")
            page.wait_for_timeout(400)
        route.continue_()

    page.route(re.compile(re.escape(PATH)), on_the_way)
    return sent


def test_quick_keys_end_where_they_lead(sign_in: Open) -> None:
    page = dashboard(sign_in())
    sent = slow_changes(page)
    there = press(page, QUICK)
    assert there["bottom_left"] == [DEPARTMENT, MINE]
    page.get_by_role("button", name="Minimise Today Call Status").click()
    said = page.locator("#dashboard-said")
    expect(said).to_have_text("Minimised: Today Call Status by Department")
    assert arrangement(page) == there
    assert len(sent) < len(QUICK), "moves that wait for their turn go together"
    page.reload()
    assert arrangement(page) == there
    expect(widget(page, STATUS)).to_have_class(re.compile("widget-small"))


def test_a_page_left_at_once_keeps_what_was_moved(sign_in: Open) -> None:
    page = dashboard(sign_in())
    there = press(page, QUICK)
    page.goto("/account/")
    for _ in range(50):
        page.goto(PATH)
        if arrangement(page) == there:
            break
        page.wait_for_timeout(100)
    assert arrangement(page) == there


def test_moved_by_the_menu(sign_in: Open) -> None:
    page = dashboard(sign_in())
    page.locator(f"#menu-{AREA}").click()
    expect(widget(page, AREA).get_by_role("button", name="Move to Top Right")).to_be_disabled()
    with saved(page):  # type: ignore[attr-defined]
        widget(page, AREA).get_by_role("button", name="Move to Bottom Left").click()
    expect(page.locator(f"#zone-bottom_left #widget-{AREA}")).to_be_visible()
    expect(page.locator(f"#menu-{AREA}")).to_be_focused()
    assert arrangement(page)["bottom_left"] == [MINE, AREA]


def drag(page: Page, name: str, target: str, share: float) -> None:
    """Drag a widget by its grip to a part of another's height."""
    grip = page.locator(f"#grip-{name}").bounding_box()
    assert grip
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 40, grip["y"] + 30, steps=4)
    there = page.locator(f"#widget-{target}").bounding_box()
    assert there
    page.mouse.move(there["x"] + 80, there["y"] + there["height"] * share, steps=8)


def test_dragged(sign_in: Open) -> None:
    page = dashboard(sign_in(viewport={"width": 1280, "height": 1400}))
    drag(page, DEPARTMENT, STATUS, 0.9)
    expect(page.locator("#zone-bottom_right .drop-mark")).to_have_count(1)
    with saved(page):  # type: ignore[attr-defined]
        page.mouse.up()
    assert arrangement(page)["bottom_right"] == [STATUS, DEPARTMENT]
    expect(page.locator(".drop-mark, .lifted-title, .is-lifted")).to_have_count(0)
    page.reload()
    assert arrangement(page)["bottom_right"] == [STATUS, DEPARTMENT]
    drag(page, AREA, MINE, 0.1)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".drop-mark")).to_have_count(0)
    assert arrangement(page)["top_right"] == [AREA]


def test_dragged_by_a_finger(sign_in: Open) -> None:
    page = dashboard(sign_in(viewport={"width": 800, "height": 1700}, has_touch=True))
    grip = page.locator(f"#grip-{DEPARTMENT}").bounding_box()
    target = widget(page, MINE).bounding_box()
    assert grip
    assert target
    finger = page.context.new_cdp_session(page)
    x, y = grip["x"] + 8, grip["y"] + 8
    path = [(x, y), (x + 4, y + 40), (x + 20, target["y"] + target["height"] * 0.9)]
    for number, (at_x, at_y) in enumerate(path):
        name = "touchMove" if number else "touchStart"
        points = [{"x": at_x, "y": at_y}]
        finger.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
    with saved(page):  # type: ignore[attr-defined]
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert arrangement(page)["bottom_left"] == [MINE, DEPARTMENT]


def test_a_call_changes_its_widgets_alone(sign_in: Open, demo: Demo) -> None:
    page = dashboard(sign_in())
    send(page, minimise=AREA)
    with page.expect_response(re.compile(r"fragment=1")):
        page.reload()
    page.evaluate("window.here = true")
    page.locator(f"#table-{MINE}").click()
    page.locator(f"#table-{MINE}").focus()
    total = widget(page, MINE).locator("tfoot td").nth(1)
    before = int(total.inner_text())
    assert demo.place_call(f"{CHEAP}5678", 37)
    expect(total).to_have_text(str(before + 1), timeout=10_000)
    assert page.evaluate("window.here") is True
    expect(page.locator(f"#table-{MINE}")).to_be_focused()
    expect(widget(page, MINE).locator("tfoot")).to_be_visible()
    expect(widget(page, AREA)).to_have_class(re.compile("widget-small"))


def test_a_call_of_others_changes_nothing(sign_in: Open, demo: Demo) -> None:
    page, root = dashboard(sign_in()), sign_in("admin")
    dashboard(root)
    figure = widget(root, STATUS).locator("svg.chart").first
    was, mine = figure.inner_html(), page.locator("#board").inner_html()
    assert demo.place_call(f"{CHEAP}4444", 31, extension="750")
    expect(figure).not_to_have_js_property("innerHTML", was, timeout=10_000)
    assert page.locator("#board").inner_html() == mine


def test_another_window_follows(sign_in: Open, demo: Demo) -> None:
    page = dashboard(sign_in())
    other = page.context.new_page()
    with other.expect_response(re.compile(r"fragment=1")):
        other.goto(PATH)
    with saved(page):  # type: ignore[attr-defined]
        page.get_by_role("button", name="Close Today Call Status").click()
    assert demo.place_call(f"{CHEAP}1212", 29)
    expect(widget(other, STATUS)).to_have_count(0, timeout=10_000)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_scrolls_sideways(sign_in: Open, width: int) -> None:
    page = sign_in("admin", viewport={"width": width, "height": 800})
    dashboard(page)
    send(page, add="1", zone="top_left", widget="status-last-7-days")
    send(page, add="1", zone="top_right", widget="last-calls")
    page.reload()
    page.locator("#add-widget").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator(f"#menu-{AREA}").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_opens_is_accessible(sign_in: Open, axe: Axe) -> None:
    page = dashboard(sign_in("admin", reduced_motion="reduce"))
    send(page, add="1", zone="top_left", widget="status-last-7-days")
    send(page, add="1", zone="top_right", widget="last-calls")
    page.reload()
    page.locator("#add-widget").click()
    page.locator(f"#table-{STATUS}").click()
    page.locator(f"#menu-{AREA}").click()
    faults = [str(one) for one in axe(page) if one.impact in {"moderate", "serious", "critical"}]
    assert faults == []


def test_in_arabic_right_is_back(sign_in: Open, speak: Callable[[Page, str], None]) -> None:
    page = dashboard(sign_in())
    speak(page, "ar")
    page.goto(PATH)
    left, right = (page.locator(f"#widget-{name}").bounding_box() for name in (AREA, DEPARTMENT))
    assert left
    assert right
    assert left["x"] < right["x"]
    page.locator(f"#grip-{DEPARTMENT}").focus()
    with saved(page):  # type: ignore[attr-defined]
        page.keyboard.press("ArrowLeft")
    assert arrangement(page)["top_right"] == [DEPARTMENT, AREA]
    speak(page, "en")


def test_without_scripts(sign_in: Open) -> None:
    page = dashboard(sign_in())
    context = page.context.browser.new_context(  # type: ignore[union-attr]
        base_url=page.url.partition("/analytics")[0],
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()
    plain.goto(PATH)
    expect(plain.locator(f"#grip-{AREA}")).to_be_hidden()
    plain.get_by_role("button", name="Close Today Top % Costs by Area").click()
    expect(widget(plain, AREA)).to_have_count(0)
    plain.get_by_role("button", name="Undo").click()
    expect(widget(plain, AREA)).to_be_visible()
    plain.locator(f"#menu-{AREA}").click()
    widget(plain, AREA).get_by_role("button", name="Move down").click()
    expect(plain.locator(f"#zone-bottom_right #widget-{AREA}")).to_be_visible()
    context.close()
