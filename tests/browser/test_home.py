"""Call Analytics in a browser: a call appears by itself, and only where it may."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from looking import left_edges
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("calls")]

Open = Callable[..., Page]
CHEAP = "0024540"


def newest(page: Page) -> str:
    return page.locator("tr[data-call]").first.get_attribute("data-call") or ""


def speak(page: Page, language: str) -> None:
    """Choose a language in the menu of one's name."""
    page.locator(".menu > summary").click()
    page.locator("#menu-language").select_option(language)
    expect(page.locator("html")).to_have_attribute("lang", language)


def home_of(page: Page, path: str = "/analytics/") -> str:
    """Open somebody's home page and wait for its first look; the newest call's id."""
    with page.expect_response(re.compile(r"fragment=1")):
        page.goto(path)
    page.evaluate("window.here = true")
    return newest(page)


def test_a_call_appears_without_reload_where_it_may(sign_in: Open, demo: Demo) -> None:
    caller, supervisor, administrator = sign_in("user"), sign_in("supervisor"), sign_in("admin")
    for page in (caller, supervisor, administrator):
        home_of(page)
    total = caller.locator(".home-tile strong").nth(1).inner_text()
    # Hardly longer than the other calls made here, for what began before them is no news.
    assert demo.place_call(f"{CHEAP}1234", 43)
    for page in (caller, supervisor, administrator):
        # Not always the first row: a shorter call of another moment may have begun after it.
        rows = page.locator("tr[data-call]").filter(has_text="024540****")
        row = rows.filter(has_text="00:00:43")
        expect(row).to_have_count(1, timeout=5_000)
        expect(row.locator(".call-extension")).to_have_text("731")
        assert page.evaluate("window.here") is True
    expect(caller.locator(".home-tile strong").nth(1)).not_to_have_text(total)
    expect(caller.locator("[data-new-calls]")).to_have_text("New calls: 1")


def test_a_call_of_others_changes_nothing(sign_in: Open, demo: Demo) -> None:
    user, supervisor, administrator = sign_in("user"), sign_in("supervisor"), sign_in("admin")
    mine, sales, _ = home_of(user), home_of(supervisor), home_of(administrator)
    asked: list[str] = []
    for page in (user, supervisor):
        page.on("request", lambda request: asked.append(request.url))
    assert demo.place_call(f"{CHEAP}9999", 33, extension="750")
    rows = administrator.locator("tr[data-call]").filter(has_text="024540****")
    row = rows.filter(has_text="00:00:33")
    expect(row).to_have_count(1, timeout=5_000)
    expect(row.locator(".call-extension")).to_have_text("750")
    assert [url for url in asked if "/analytics/" in url] == []
    assert (newest(user), newest(supervisor)) == (mine, sales)


def test_top_n_and_whose_calls(sign_in: Open) -> None:
    page = sign_in("supervisor")
    page.goto("/analytics/")
    page.get_by_role("link", name="50", exact=True).click()
    expect(page).to_have_url(re.compile(r"top=50"))
    expect(page.locator("tr[data-call]")).to_have_count(50)
    page.get_by_role("link", name="Mine", exact=True).click()
    expect(page).to_have_url(re.compile(r"top=50&whose=mine"))
    page.wait_for_load_state()
    assert set(page.locator(".call-extension").all_inner_texts()) == {"730"}
    page.goto("/analytics/")
    expect(page.get_by_role("link", name="Mine", exact=True)).to_have_attribute(
        "aria-current", "true"
    )
    page.goto("/analytics/?whose=all&top=20")


def test_a_bold_number_leads_to_its_calls_and_a_row_to_the_call(sign_in: Open, demo: Demo) -> None:
    page = sign_in()
    before = home_of(page)
    demo.place_call(f"{CHEAP}4321", 42)
    expect(page.locator("tr[data-call]").first).not_to_have_attribute("data-call", before)
    page.locator(".number-link").first.click()
    expect(page).to_have_url(re.compile(r"/analytics/calls\?extension=731&like="))
    page.wait_for_load_state()
    expect(page.locator(".chip")).to_have_count(2)
    assert set(page.locator(".call-number").all_inner_texts()) == {"024540****"}
    page.locator("tr[data-call]").first.click()
    expect(page).to_have_url(re.compile(r"/analytics/calls/[0-9a-f-]+\.0$"))
    expect(page.locator("#call-duration")).to_contain_text("00:00:42")
    expect(page.get_by_role("heading", name="Why this call cost what it cost")).to_be_visible()


def test_refresh_in_place(sign_in: Open) -> None:
    page = sign_in()
    home_of(page)
    with page.expect_response(re.compile(r"/analytics/\?.*fragment=1")) as answer:
        page.get_by_role("link", name="Refresh").click()
    assert answer.value.ok
    assert page.evaluate("window.here") is True


def test_the_home_page_in_arabic_is_mirrored(sign_in: Open) -> None:
    page = sign_in()
    speak(page, "ar")
    page.goto("/analytics/")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".home-dashboard")).to_be_visible()
    left, right = left_edges(page, ".home-dashboard", ".home-calls")
    assert left < right
    expect(page.locator("bdi[dir=ltr]", has_text="****").first).to_be_visible()
    speak(page, "en")


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_scrolls_sideways(sign_in: Open, width: int) -> None:
    page = sign_in("admin", viewport={"width": width, "height": 800})
    for path in (
        "/analytics/",
        "/analytics/calls?type=missed",
        "/search?q=02",
        "/analytics/reports",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_slash_searches_and_a_result_leads_to_the_calls(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/analytics/")
    page.keyboard.press("/")
    page.keyboard.type("731")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=731"))
    page.get_by_role("link", name="Calls of extension 731").first.click()
    expect(page).to_have_url(re.compile(r"extension=731"))


def test_the_home_page_works_without_scripts(sign_in: Open) -> None:
    page = sign_in(java_script_enabled=False)
    page.goto("/analytics/?top=10")
    assert page.locator("tr[data-call]").count() == 10
    page.get_by_role("link", name="Refresh").click()
    expect(page).to_have_url(re.compile(r"top=10"))
