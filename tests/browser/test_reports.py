"""Reports in a browser: chosen in place, narrowed, run, sorted by keys, kept; without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("looks")]

Open = Callable[..., Page]
PATH = "/analytics/reports"


def test_a_preview_changes_in_place(sign_in: Open) -> None:
    page = sign_in()
    page.goto(PATH)
    page.evaluate("window.here = true")
    page.locator("a[data-select]", has_text="Group By Department").first.click()
    expect(page.locator("#preview-title")).to_have_text("Group By Department")
    expect(page).to_have_url(re.compile(r"report=group-by-department"))
    expect(page.locator("a[data-select][aria-current]")).to_have_text(re.compile("Group By Dep"))
    assert page.evaluate("window.here") is True


@pytest.mark.parametrize("scripts", [True, False])
def test_filtered_run_sorted_and_kept(sign_in: Open, scripts: bool) -> None:
    page = sign_in("admin", java_script_enabled=scripts)
    page.goto(f"{PATH}?report=group-by-department")
    page.get_by_role("link", name="Execute", exact=True).first.click()
    expect(page.locator(".report-table tbody tr").first).to_be_visible()
    heading = page.locator("#sort-total_cost")
    heading.focus()
    page.keyboard.press("Enter")
    cost = page.locator("th", has=page.locator("#sort-total_cost"))
    expect(cost).to_have_attribute("aria-sort", "descending")
    page.get_by_role("link", name="Save Report").click()
    name = f"Departments {'with' if scripts else 'without'} scripts"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save Report").click()
    expect(page.locator("#preview-title")).to_have_text(name)
    page.goto("/analytics/")
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
