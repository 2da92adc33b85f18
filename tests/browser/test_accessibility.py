"""Every page of the portal under axe-core: light and dark, wide and narrow, both directions.

Which pages there are is asked of the application itself, so that none is forgotten: a new route
is walked by this test, or named below with the reason why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect
from quart import Quart

from web.app import PAGES
from web.entry import entry
from web.ops import ops
from web.phone import phone

if TYPE_CHECKING:
    from conftest import Axe, Demo, Open, Speak

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("looks")]

NO_PAGES = {
    "/live": "a stream of events",
    "/healthz": "for machines",
    "/metrics": "for machines",
    "/phone/message/<token>": "XML for IP phones",
    "/analytics/scheduled-reports/next-runs": "a part of the form of a schedule",
    "/analytics/reports/<report_id>/export.<file_format>": "a file",
    "/analytics/reports/history/<int(max=2147483647):run_id>/export.<file_format>": "a file",
    "/analytics/reports/runs/<token>": "for the script of the page that waits",
}
"""Routes a browser shows nobody, and why."""

DOORS = ("/login", "/login/forgot")
"""Pages of whoever is not signed in; every other page is walked as the administrator."""

WITH_PARAMETERS = {
    "/login/reset/<token>": "/login/reset/used-long-ago",
    "/analytics/calls/<call_id>": "/analytics/calls > .row-link",
    "/analytics/reports/<report_id>": "/analytics/reports/call-list",
    "/analytics/reports/<report_id>/mail": "/analytics/reports/call-list/mail",
    "/analytics/reports/<report_id>/options": "/analytics/reports/call-list/options",
    "/analytics/reports/<report_id>/save": "/analytics/reports/call-list/save",
    "/admin/people/<int(max=2147483647):person_id>": "/admin/people > main tbody a",
    "/admin/people/<int(max=2147483647):person_id>/disable": "/admin/people/2/disable",
}
"""An address that exists for each page whose route has parameters. Where it begins with `> `, the
rest is a selector: it is that of the first link which matches on the page named before it, such as
`/admin/people > main tbody a`."""

ELSEWHERE = {
    "/admin/people/import/<uuid:key>": "test_a_list_of_people_is_no_worse",
    "/admin/directory/runs/<int:run_id>": "the demo has no directory to read",
    "/analytics/reports/history/<int(max=2147483647):run_id>": "test_a_kept_result_is_no_worse",
    "/analytics/scheduled-reports/<int(max=2147483647):schedule_id>": "same form as a new one",
}
"""Routes that need something first: which test makes it, or why none does."""

STATES = (
    "/nowhere",
    "/analytics/reports?report=group-by-department",
    "/analytics/reports/group-by-department?options=1&on=traffic&traffic=all",
    "/analytics/reports/call-list?options=1&on=group1&group1=extension&group1.values=0",
    "/analytics/reports/call-list/options?options=1&on=most&most=no&do=run",
    "/analytics/scheduled-reports/new?report=call-list",
    "/budget/history?details=nothing-like-this",
    "/admin/style?sort=name&top=50",
)
"""More addresses worth a look: a page that is empty, filtered, or an error."""

EXPECTED = {
    "/nowhere": 404,
    "/login/reset/used-long-ago": 410,
    "/analytics/reports/call-list/options?options=1&on=most&most=no&do=run": 422,
}
"""What these addresses answer instead of 200."""

FAILING = {"moderate", "serious", "critical"}
LOOKS = {"ltr": [("light", 1280), ("dark", 360)], "rtl": [("dark", 1280), ("light", 360)]}
"""How a page is looked at in each direction of writing: both colours at both widths."""


def routes() -> list[str]:
    """Every route that answers GET, as the application has them."""
    app = Quart("routes", static_folder=None)
    for blueprint in (entry, phone, ops, *PAGES):
        app.register_blueprint(blueprint)
    return sorted({r.rule for r in app.url_map.iter_rules() if "GET" in (r.methods or ())})


def pages() -> list[str]:
    """Every route without parameters that is no other kind of thing."""
    return [rule for rule in routes() if "<" not in rule and rule not in NO_PAGES]


def test_every_page_is_walked() -> None:
    known = {*NO_PAGES, *WITH_PARAMETERS, *ELSEWHERE}
    missed = [rule for rule in routes() if "<" in rule and rule not in known]
    assert missed == [], "name an address for these in WITH_PARAMETERS, or the reason in NO_PAGES"
    gone = known - set(routes())
    assert gone == set(), "these routes are no more"


@pytest.fixture(scope="module")
def administrator(chromium: Browser, demo: Demo, speak: Speak) -> Iterator[BrowserContext]:
    """A browser in which the administrator has signed in; their language is English again after."""
    context = chromium.new_context(base_url=demo.url, locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "demo")
    page.click("main button")
    page.wait_for_url("**/")
    yield context
    speak(context.pages[0], "en")
    context.close()


@pytest.fixture(scope="module")
def nobody(chromium: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """A browser in which nobody has signed in."""
    context = chromium.new_context(base_url=demo.url, locale="en-GB", reduced_motion="reduce")
    context.new_page()
    yield context
    context.close()


def open_at(context: BrowserContext, path: str) -> Page | None:
    """The page at an address, or None where what is there is no page but a file."""
    page = context.pages[0]
    before, _, selector = path.partition(" > ")
    if selector:
        page.goto(before)
        before = page.locator(selector).first.get_attribute("href") or pytest.fail(f"none: {path}")
    try:
        answer = page.goto(before)
        status = answer.status if answer else 0
    except Error as error:
        if "Download is starting" not in error.message:
            raise
        status, page = context.request.get(before).status, None
    expected = EXPECTED.get(before, EXPECTED.get(before.partition("?")[0], 200))
    assert status == expected, f"{before}: {status}"
    return page


def walk(page: Page, axe: Axe, name: str) -> None:
    """Look at a page in every way, and fail with all that was found."""
    faults: dict[str, list[str]] = {}
    for scheme, width in LOOKS[page.locator("html").get_attribute("dir") or "ltr"]:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        over = page.evaluate("document.documentElement.scrollWidth")
        found = [str(one) for one in axe(page) if one.impact in FAILING]
        if over > width:
            found.append(f"the page is {over} px wide")
        for fault in found:
            faults.setdefault(fault, []).append(f"{scheme} {width}")
    if faults:
        words = [f"{', '.join(looks)}: {fault}" for fault, looks in faults.items()]
        pytest.fail("\n".join([name, *words]), pytrace=False)


@pytest.fixture(scope="module", params=["en", "ar"])
def language(request: pytest.FixtureRequest) -> str:
    """Of the module, so that the tests in one language come together: a change takes a while."""
    return str(request.param)


@pytest.mark.parametrize("path", [*pages(), *WITH_PARAMETERS.values(), *STATES])
def test_axe_finds_nothing(
    administrator: BrowserContext,
    nobody: BrowserContext,
    axe: Axe,
    speak: Speak,
    path: str,
    language: str,
) -> None:
    at_the_door = path.startswith("/login")
    if at_the_door:
        path += f"?lang={language}"
    context = nobody if at_the_door else administrator
    page = open_at(context, path)
    if page is None:
        return
    html = page.locator("html")
    if not at_the_door and html.get_attribute("lang") != language:
        speak(page, language)
        page = open_at(context, path) or pytest.fail(path)
    expect(html).to_have_attribute("lang", language)
    walk(page, axe, f"{path} in {language}")


def test_what_opens_is_no_worse(sign_in: Open, axe: Axe) -> None:
    page = sign_in("admin", viewport={"width": 360, "height": 800}, reduced_motion="reduce")
    page.goto("/admin/style")
    page.locator(".apps-open").click()
    expect(page.get_by_role("link", name="Budget Control")).to_be_visible()
    assert [one for one in axe(page) if one.impact in FAILING] == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Budget Control")).to_be_hidden()
    page.locator(".menu summary").click()
    assert [one for one in axe(page) if one.impact in FAILING] == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove the price list").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert [one for one in axe(page) if one.impact in FAILING] == []


def test_axe_would_find_something(sign_in: Open, axe: Axe) -> None:
    page = sign_in()
    page.goto("/budget/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x>')")
    assert "image-alt" in {one.rule for one in axe(page)}


def test_a_list_of_people_is_no_worse(sign_in: Open, axe: Axe) -> None:
    page = sign_in("admin", reduced_motion="reduce")
    page.goto("/admin/people/import")
    rows = b"login,first_name,extension,unknown\nuser,Andrea,731,x\nnew,Ada,nonsense,y\n"
    page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": rows}
    )
    page.get_by_role("main").locator("form button").first.click()
    expect(page).to_have_url(re.compile("/admin/people/import/[0-9a-f-]{36}"))
    walk(page, axe, "a list of people")


def test_a_kept_result_is_no_worse(sign_in: Open, axe: Axe) -> None:
    page = sign_in("admin", reduced_motion="reduce")
    page.goto("/analytics/reports/group-by-department")
    expect(page.locator(".report-table tbody tr").first).to_be_visible()
    page.goto("/analytics/reports/history")
    walk(page, axe, "a history with runs")
    page.locator("main tbody a.row-link").first.click()
    expect(page).to_have_url(re.compile("/analytics/reports/history/[0-9]+"))
    walk(page, axe, "a result that was kept")
