"""Where somebody came from to a page that many pages lead to, so that its breadcrumb leads back.

The browser names the page that led here (`Referrer-Policy` lets it, within the portal); a page that
was not led to, or from elsewhere, has a usual way.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from quart import current_app, request

from reports.catalogue import REPORTS
from web.context import say
from words.language import N_

Crumb = tuple[str, str]
"""An address and what it is called."""

CALLS = "/analytics/calls"
REPORT_LIST = "/analytics/reports"
DASHBOARD = "/analytics/dashboard"


def above_a_call() -> Sequence[Crumb]:
    """The pages above one call: the list, dashboard or report that led to it, as it was."""
    path, address = _came_from()
    home = ("/analytics/", say(N_("Home")))
    if path == DASHBOARD:
        return [home, (address, say(N_("Dashboard")))]
    report = REPORTS.get(path.removeprefix(f"{REPORT_LIST}/"))
    if report is not None:
        reports = (REPORT_LIST, say(N_("Interactive Reports")))
        return [reports, (address, say(report.title))]
    return [home, (address if path == CALLS else CALLS, say(N_("Call List")))]


def above_a_report(report_id: str) -> Sequence[Crumb]:
    """The pages above a report's result; with the report whose group it lists, as it was."""
    above = [(REPORT_LIST, say(N_("Interactive Reports")))]
    path, address = _came_from()
    other = REPORTS.get(path.removeprefix(f"{REPORT_LIST}/"))
    if other is not None and other.id != report_id:
        above.append((address, say(other.title)))
    return above


def nearest_page() -> str:
    """This page's address, or the next one above it that a browser can open by itself.

    A form that is refused is shown again where it was sent to, which may be no page by itself.
    """
    path = request.path
    if request.method == "GET" and _opens(path):
        return request.full_path.rstrip("?")
    while not _opens(path):
        above = path.rstrip("/").rpartition("/")[0]
        path = f"{above}/" if _opens(f"{above}/") else above
    return path


def _opens(path: str) -> bool:
    adapter = current_app.create_url_adapter(request)
    return path == "/" or (adapter is not None and adapter.test(path, "GET"))


def _came_from() -> Crumb:
    """Path and address, both within the portal, of the page that led here; empty for none."""
    try:
        page = urlsplit(request.referrer or "")
    except ValueError:  # no address at all
        return "", ""
    if page.netloc != request.host:
        return "", ""
    return page.path, f"{page.path}?{page.query}" if page.query else page.path
