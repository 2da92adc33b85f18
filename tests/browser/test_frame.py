"""The frame around every page: search, questions, tips, tables, a bar that fits every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import Open, Speak

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("looks")]


def test_slash_goes_to_the_search(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/budget/history")
    page.locator("body").press("/")
    search = page.locator("[data-find]")
    expect(search).to_be_focused()
    page.get_by_label("Details").focus()
    page.keyboard.type("1/2")
    expect(page.get_by_label("Details")).to_have_value("1/2")


def test_what_cannot_be_taken_back_asks_once(sign_in: Open) -> None:
    page = sign_in("admin")
    page.goto("/admin/style")
    page.get_by_role("button", name="Remove the price list").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Calls keep the price they were given.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("/admin/style$"))
    page.get_by_role("button", name="Remove the price list").click()
    dialog.get_by_role("button", name="Remove the price list").click()
    expect(page).to_have_url(re.compile("confirmed=1"))


def test_the_exact_time_is_told_on_focus(sign_in: Open) -> None:
    page = sign_in("admin")
    page.goto("/admin/style")
    time = page.locator("time.tip")
    exact = time.get_attribute("title") or ""
    page.get_by_role("button", name="Remove the price list").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if time.evaluate("time => time === document.activeElement"):
            break
    expect(page.get_by_role("tooltip")).to_have_text(exact)
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()


def test_the_table_keeps_its_header_in_sight(sign_in: Open) -> None:
    page = sign_in("admin", viewport={"width": 1280, "height": 500})
    page.goto("/admin/style")
    expect(page.locator(".table-frame")).to_have_class(re.compile("fits"))
    page.locator("tbody tr").last.scroll_into_view_if_needed()
    page.mouse.wheel(0, 120)
    page.wait_for_function(
        """() => {
          const header = document.querySelector("thead th").getBoundingClientRect();
          const bar = document.querySelector(".bar").getBoundingClientRect();
          return Math.abs(header.top - bar.bottom) <= 1;
        }"""
    )


@pytest.fixture
def speaker(sign_in: Open, speak: Speak) -> Iterator[Page]:
    """A page of the administrator whose language a test chooses; English again afterwards."""
    page = sign_in("admin")
    yield page
    speak(page, "en")


_EDGES = """all => all.map(one => one.getBoundingClientRect())
    .sort((one, other) => one.left - other.left).map(one => [one.left, one.right])"""


@pytest.mark.parametrize("language", ["en", "de", "fr", "ar"])
def test_the_bar_holds_everything(speaker: Page, speak: Speak, language: str) -> None:
    speak(speaker, language)
    for width in (320, 360, 640, 768, 1024, 1200, 1280, 1440, 1920):
        speaker.set_viewport_size({"width": width, "height": 600})
        for within in (".bar > *", ".apps > button, .apps li", ".find > *"):
            parts = speaker.locator(within).filter(visible=True)
            edges = parts.evaluate_all(_EDGES)
            assert all(left >= 0 and right <= width for left, right in edges), (width, edges)
            if within != ".find > *":
                for (_, right), (left, _) in pairwise(edges):
                    assert right <= left + 1, (width, edges)
        overflow = "one => one.scrollWidth <= one.clientWidth + 1"
        assert speaker.locator(".apps").evaluate(overflow), width


def test_without_scripts_the_applications_open(sign_in: Open) -> None:
    page = sign_in(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page.goto("/budget/")
    page.locator(".apps-open").click()
    page.get_by_role("navigation", name="Applications").get_by_role("link", name="Phone").click()
    expect(page).to_have_url(re.compile("/lock/$"))


def test_a_long_navigation_shows_where_one_is(sign_in: Open) -> None:
    page = sign_in("admin", viewport={"width": 320, "height": 800})
    page.goto("/admin/style")
    expect(page.locator(".subnav [aria-current=page]")).to_be_in_viewport()
