"""What people do in a browser: sign in, read their budget, lock their phone, watch it run out."""

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
ABROAD = "000442079460000"


def test_signing_in_and_out_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.goto("/budget/")
    expect(page).to_have_url(re.compile(r"/login\?next=/budget/"))
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type("user")
    page.keyboard.press("Tab")
    page.keyboard.type("demo")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/budget/$"))
    page.wait_for_load_state()
    sign_out = page.locator("form[action='/logout'] button")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(sign_out).to_be_visible()
    page.keyboard.press("Escape")
    expect(sign_out).to_be_hidden()
    page.locator("summary").first.click()
    sign_out.click()
    expect(page).to_have_url(re.compile(r"/login$"))


def test_a_wrong_password_says_so(open_page: Open) -> None:
    page = open_page()
    page.goto("/login")
    page.fill("[name=username]", "user")
    page.fill("[name=password]", "wrong")
    page.click("main button")
    expect(page.get_by_role("alert")).to_contain_text("User name or password is wrong.")
    expect(page.locator("[name=username]")).to_have_value("user")


@pytest.mark.parametrize("username", ["user", "supervisor", "admin"])
def test_everybody_finds_their_menu(sign_in: Open, username: str) -> None:
    page = sign_in(username)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    expect(page.locator("main").get_by_text("Budget Control")).to_be_visible()


def test_the_portal_works_without_scripts(sign_in: Open) -> None:
    page = sign_in(java_script_enabled=False)
    page.goto("/lock/")
    page.get_by_role("button", name="Lock my phone").click()
    expect(page.get_by_role("button", name="Unlock my phone")).to_be_visible()
    page.get_by_role("button", name="Unlock my phone").click()
    expect(page.get_by_role("button", name="Lock my phone")).to_be_visible()


def test_the_phone_is_locked_and_unlocked_in_place(sign_in: Open, demo: Demo) -> None:
    page = sign_in()
    page.goto("/lock/")
    phone = page.locator("article.phone")
    expect(phone).to_have_attribute("data-condition", "unlocked")
    page.evaluate("window.here = true")
    page.get_by_role("button", name="Lock my phone").click()
    expect(phone).to_have_attribute("data-condition", "locked")
    assert demo.line()["locked"] is True
    assert not demo.place_call(ABROAD, 60)
    page.get_by_role("button", name="Unlock my phone").click()
    expect(phone).to_have_attribute("data-condition", "unlocked")
    assert demo.line()["locked"] is False
    assert page.evaluate("window.here") is True


def test_two_browsers_of_one_person_agree(sign_in: Open) -> None:
    one, other = sign_in(), sign_in()
    one.goto("/lock/")
    other.goto("/")
    one.get_by_role("button", name="Lock my phone").click()
    expect(other.locator("main").get_by_text("Locked", exact=True)).to_be_visible()
    one.get_by_role("button", name="Unlock my phone").click()
    expect(other.locator("main").get_by_text("Unlocked", exact=True)).to_be_visible()


def test_a_choice_of_language_turns_the_page_round(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/budget/")
    page.locator("summary").first.click()
    with page.expect_navigation():
        page.get_by_label("Language").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".menu summary")).to_be_visible()
    left, right = left_edges(page, ".menu summary", ".brand")
    assert left < right
    page.locator("summary").first.click()
    with page.expect_navigation():
        page.locator("[name=language]").select_option("en")
    expect(page.locator("html")).to_have_attribute("dir", "ltr")


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("path", ["/", "/budget/", "/budget/history", "/lock/", "/account/"])
def test_nothing_scrolls_sideways(sign_in: Open, path: str, width: int) -> None:
    page = sign_in(viewport={"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_filters_of_the_history_are_in_its_address(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/budget/history")
    page.get_by_label("Action").select_option("assign")
    expect(page).to_have_url(re.compile("action=assign"))
    chip = page.get_by_role("link", name="Remove the filter Action")
    chip.click()
    expect(page).not_to_have_url(re.compile("action=assign"))


def test_a_choice_by_arrow_keys_waits_for_enter(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/budget/history")
    page.get_by_label("Action").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile(r"/budget/history$"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("action=warn"))


def test_the_history_is_refreshed_in_place(sign_in: Open) -> None:
    page = sign_in()
    page.goto("/budget/history")
    page.evaluate("window.here = true")
    with page.expect_response(re.compile(r"/budget/history\?fragment=1")) as answer:
        page.get_by_role("link", name="Refresh").click()
    assert answer.value.ok
    assert page.evaluate("window.here") is True


def test_a_budget_runs_out_before_ones_eyes(sign_in: Open, demo: Demo) -> None:
    page = sign_in()
    page.goto("/budget/")
    page.evaluate("window.here = true")
    remaining, phone = page.locator("#budget-remaining"), page.locator("#budget-phone")
    expect(phone).to_have_text("Unlocked")
    before = remaining.inner_text()
    assert demo.place_call(ABROAD, 600)
    expect(remaining).not_to_have_text(before)
    for _ in range(40):
        if not demo.place_call(ABROAD, 7200):
            break
    expect(phone).to_have_text("Locked")
    expect(page.locator(".budget-sentence")).to_contain_text("This budget is used up until")
    assert page.evaluate("window.here") is True
    assert not demo.place_call(ABROAD, 60)
    assert demo.place_call("112", 60)
    page.goto("/budget/history")
    expect(page.locator("tbody")).to_contain_text("Budget used up")
    expect(page.locator("tbody")).to_contain_text("Phone locked")
    page.goto("/lock/")
    expect(page.locator("article.phone")).to_have_attribute("data-condition", "locked")
    expect(page.locator(".holds")).to_contain_text("Your budget")
