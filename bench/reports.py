"""Every report of the catalogue on ten million calls, for a month and a year, and the dashboard.

Pages are asked as a browser asks them, of a portal with nothing remembered; beside each stands what
plain DuckDB takes for the same figures of the same rows, in the same run.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import duckdb
import trio
from quart.typing import TestClientProtocol

from actors.house import House, Outside, open_house
from bench.portal import signed_in
from bench.ten_million import CALLS, NOW, ten_million
from reports.catalogue import REPORTS
from reports.definition import Report
from reports.option_fields import link
from reports.options import Options, Period
from reports.widgets import WIDGETS
from storage import people, preferences
from storage.database import Connection, Database
from storage.facts.engine import EngineSettings
from storage.viewer import Viewer
from web.app import create_app
from web.settings import WebSettings

MONTH_BAR_S, YEAR_BAR_S = 0.300, 2.0
COLD_BAR_S, WARM_BAR_S = 0.500, 0.100
ROUNDS = 5


def _between(first: str, last: str) -> str:
    return f"started_at >= '{first}' and started_at < '{last}'"


PERIODS: dict[str, tuple[Period, str]] = {
    "month": ("last_month", _between("2026-09-01 00:00:00+02", "2026-10-01 00:00:00+02")),
    "year": ("last_year", _between("2025-01-01 00:00:00+01", "2026-01-01 00:00:00+01")),
}  # fmt: skip
FIGURES = "count(*), sum(cost), sum(call_duration_s), avg(ring_s)"
PLAIN = {
    "extension": "extension", "person": "person_id", "department": "unit_id",
    "cost_centre": "unit_id", "number": "e164", "gateway": "gateway_id", "area": "destination",
    "destination_type": "destination_type", "nation": "left(e164, 3)",
    "hour": "epoch_us(started_at) // 3600000000 % 24",
    "weekday": "epoch_us(started_at) // 86400000000 % 7",
    "month": "epoch_us(started_at) // 2629746000000", "date": "epoch_us(started_at) // 86400000000",
}  # fmt: skip
"""What a field of ours is in the plain table; those it does not have are left out."""
IN_ROWS = {
    "group-cost-by-area": ["destination"],
    "group-cost-by-department": ["unit_id"],
    "group-cost-by-extension": ["extension", "person_id"],
}
"""What PostgreSQL is asked beside, to say what the copy is worth."""


def run(calls: int = CALLS) -> dict[str, object]:
    """Reports for a month and a year, thirteen widgets cold and warm."""
    return trio.run(_measure, calls)


async def _measure(calls: int) -> dict[str, object]:
    async with ten_million(calls) as (database, _, duck_file):
        folder = duck_file.parent / "analytics"
        began = time.perf_counter()
        async with _portal(database, folder) as (house, client):
            await house.reports.copy.refresh()
            copied_s = time.perf_counter() - began
            reports = {
                report.id: await _report(house, client, report) for report in REPORTS.values()
            }
            long_list = await _long_list(client)
            dashboard = await _dashboard(database, house, client)
        theirs = await trio.to_thread.run_sync(_duckdb, duck_file)
        in_rows = {
            name: {period: await _postgresql(database, name, where)
                   for period, (_, where) in PERIODS.items()}
            for name in IN_ROWS
        }  # fmt: skip
    for name, figures in reports.items():
        figures |= {f"duckdb_{period}_s": wait for period, wait in theirs.get(name, {}).items()}
        figures |= {f"in_rows_{period}_s": wait for period, wait in in_rows.get(name, {}).items()}
    month = max(figures["month_s"] for figures in reports.values())
    year = max(figures["year_s"] for figures in reports.values())
    return {
        "calls": calls,
        "copy_ready_s": round(copied_s, 1),
        "reports": reports,
        "page_of_100_000_rows_s": long_list,
        "dashboard": dashboard,
        "slowest_month_s": month,
        "slowest_year_s": year,
        "passed": month < MONTH_BAR_S and year < YEAR_BAR_S
        and max(long_list.values()) < MONTH_BAR_S
        and dashboard["cold_s"] < COLD_BAR_S and dashboard["warm_s"] < WARM_BAR_S,
    }  # fmt: skip


@asynccontextmanager
async def _portal(
    database: Database, folder: Path
) -> AsyncGenerator[tuple[House, TestClientProtocol]]:
    settings = WebSettings(public_url="http://portal.example", secure_cookies=False)
    outside = Outside(analytic=EngineSettings(folder))
    async with open_house(database, lambda: NOW, outside) as house:
        client = create_app(house, settings).test_client()
        await signed_in(database, client, settings, "p1")
        yield house, client


async def _report(house: House, client: TestClientProtocol, report: Report) -> dict[str, float]:
    """The median of some page views for each period; every one runs the report.

    What the daemon still does after a page is waited for: nobody asks again at the same moment.
    """
    figures: dict[str, float] = {}
    for name, (period, _) in PERIODS.items():
        options = _with(report.options, period)
        path = f"/analytics/reports/{report.id}?{urlencode(link(options))}"
        waits: list[float] = []
        for _ in range(ROUNDS):
            waited, page = await _result(client, path)
            waits.append(waited)
            await _kept(house, page)
        figures[f"{name}_s"] = round(statistics.median(waits), 4)
    return figures


async def _result(client: TestClientProtocol, path: str) -> tuple[float, str]:
    """Until the result is there: a page that says that the report runs gives way to it."""
    waited, page = await _got(client, path)
    while again := re.search('data-result="([^"]+)"', page):
        more, page = await _got(client, unescape(again[1]))
        waited += more
    assert "report-notes" in page, path
    return waited, page


async def _long_list(client: TestClientProtocol) -> dict[str, float]:
    """Pages of a list of a hundred thousand rows that has been run, in its order and in others."""
    report = REPORTS["call-list"]
    path = f"/analytics/reports/{report.id}?{urlencode(link(_with(report.options, 'last_year')))}"
    _, page = await _result(client, path)
    token = re.search(r"[?;]run=([\w-]+)", page)
    assert token is not None
    asked = {"first": "", "last": "&page=2000", "by_cost": "&sort=cost&order=desc&page=1000"}
    figures: dict[str, float] = {}
    for name, more in asked.items():
        waits = [(await _result(client, f"{path}&run={token[1]}{more}"))[0] for _ in range(ROUNDS)]
        figures[name] = round(statistics.median(waits), 4)
    return figures


async def _kept(house: House, page: str) -> None:
    token = re.search(r"[?;]run=([\w-]+)", page)
    assert token is not None
    administrator = await house.database.unit_of_work(people.by_login, "p1")
    assert administrator is not None
    job = house.report_jobs.find(token[1], Viewer.of(administrator))
    assert job is not None
    await job.kept.wait()


def _with(options: Options, period: Period) -> Options:
    return Options(
        traffic=options.traffic, period=period, call_type=options.call_type, most=options.most
    )


async def _got(client: TestClientProtocol, path: str) -> tuple[float, str]:
    began = time.perf_counter()
    answer = await client.get(path, headers={"Host": "portal.example"})
    waited = time.perf_counter() - began
    assert answer.status_code == 200, (path, answer.status_code)
    return waited, await answer.get_data(as_text=True)


async def _dashboard(
    database: Database, house: House, client: TestClientProtocol
) -> dict[str, float]:
    await database.unit_of_work(_all_widgets)
    await _got(client, "/analytics/dashboard")
    cold: list[float] = []
    for _ in range(ROUNDS):
        house.reports.forget_glances()
        cold.append((await _got(client, "/analytics/dashboard"))[0])
    warm = [(await _got(client, "/analytics/dashboard"))[0] for _ in range(4 * ROUNDS)]
    return {
        "widgets": len(WIDGETS),
        "cold_s": round(statistics.median(cold), 4),
        "warm_s": round(statistics.median(warm), 4),
    }


async def _all_widgets(connection: Connection) -> None:
    person = await people.by_login(connection, "p1")
    assert person is not None
    placed = {"zones": {"top_left": [{"widget": widget.id, "small": False} for widget in WIDGETS]}}
    await preferences.put(connection, Viewer.of(person), "dashboard", placed)


def _duckdb(path: Path) -> dict[str, dict[str, float]]:
    """The same groups and lists asked of the plain table; warm, the median of some rounds."""
    found: dict[str, dict[str, float]] = {}
    with duckdb.connect(str(path), read_only=True) as duck:
        for report in REPORTS.values():
            by = [PLAIN[name] for name in report.by if name in PLAIN]
            if report.subject == "quality" or (report.by and not by):
                continue
            found[report.id] = {
                name: _taken(duck, _plain(report, by, where))
                for name, (_, where) in PERIODS.items()
            }
    return found


def _plain(report: Report, by: list[str], where: str) -> str:
    options = report.options
    if options.traffic == "external":
        where += " and direction <> 'internal'"
    if options.call_type is not None and options.call_type.way != "any":
        where += f" and direction = '{options.call_type.way}'"
    if not by:
        newest = "order by epoch_us(started_at) desc limit 50"
        return f"select * exclude (key) from call where {where} {newest}"
    keys = ", ".join(by)
    return f"select {keys}, {FIGURES} from call where {where} group by {keys} order by 2 limit 50"


async def _postgresql(database: Database, name: str, where: str) -> float:
    """The same figures added up from the rows of the books, as without a copy."""
    keys = ", ".join(IN_ROWS[name])
    figures = "count(*), sum(cost), sum(call_duration_s), avg(ring_s)"
    query = f"select {keys}, {figures} from call where {where} and answered group by {keys}"

    async def ask(connection: Connection) -> None:
        await connection.fetch(query)

    waits: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        await database.unit_of_work(ask)
        waits.append(time.perf_counter() - began)
    return round(min(waits), 4)


def _taken(duck: duckdb.DuckDBPyConnection, query: str) -> float:
    waits: list[float] = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        duck.execute(f"select count(*) from ({query})").fetchall()
        waits.append(time.perf_counter() - began)
    return round(statistics.median(waits[1:]), 4)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
