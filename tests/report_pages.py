"""The pages of the reports as a person reads them, and a company that has made some calls."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from call_rows import add_call
from fixtures_web import Browser
from lxml import html
from quart_trio import QuartTrio

from storage.database import Connection, Database

PATH = "/analytics/reports"
LIST = f"{PATH}/call-list?options=1"
"""All calls there are, whenever they were."""

DEPARTMENTS = f"{PATH}/group-by-department?options=1"

CALLS = (
    # extension, number or colleague, direction, seconds, cost, how many minutes ago
    ("731", "00266771234", "outgoing", 60, "1.25", 10),
    ("731", "03331234567", "outgoing", 600, "3.00", 50),
    ("731", "0049301234567", "incoming", 0, "0", 55),
    ("732", "00266771234", "outgoing", 125, "2.10", 80),
    ("741", "000442079460123", "outgoing", 300, "4.75", 90),
    ("741", "732", "internal", 42, "0", 100),
    ("751", "0658431234", "incoming", 90, "0", 110),
)


ANEW = "The result you came from is no longer kept. This is a new one, made just now."


async def some_calls(database: Database) -> None:
    """Calls of people in two departments, one of them between the two."""

    async def work(connection: Connection) -> None:
        for extension, number, direction, seconds, cost, minutes in CALLS:
            at = datetime.now(UTC) - timedelta(minutes=minutes)
            other = number if direction == "internal" else None
            await add_call(
                connection, extension, number, direction=direction, seconds=seconds, cost=cost,
                at=at, other=other,
            )  # fmt: skip

    await database.unit_of_work(work)


@pytest.fixture
async def user(app: QuartTrio, database: Database) -> Browser:
    await some_calls(database)
    return await speaks(app)


@pytest.fixture
async def root(app: QuartTrio, database: Database) -> Browser:
    await some_calls(database)
    return await speaks(app, "root")


async def call(database: Database, extension: str = "731", **more: Any) -> None:
    """One more call, just now unless `at` says otherwise."""
    at = more.pop("at", datetime.now(UTC))

    async def work(connection: Connection) -> None:
        await add_call(connection, extension, at=at, **more)

    await database.unit_of_work(work)


async def rows_of(database: Database, sql: str, *values: object) -> list[Any]:
    """What a query of the test finds, as dicts."""

    async def work(connection: Connection) -> list[Any]:
        return [dict(row) for row in await connection.fetch(sql, *values)]

    return await database.unit_of_work(work)


async def speaks(app: QuartTrio, login: str = "asonnino", language: str = "en") -> Browser:
    """Somebody signed in who reads English, whatever the company's people speak."""
    browser = Browser(app)
    await browser.sign_in(login)
    await browser.get("/account/")
    await browser.submit("/account/language", language=language, next="/")
    return browser


class Row(NamedTuple):
    """A row of a report: its cells in words, and where it leads."""

    cells: tuple[str, ...]
    href: str


class Result:
    """The page of a result, read."""

    def __init__(self, page: str) -> None:
        self.page = html.fromstring(page)

    def all(self, path: str) -> list[Any]:
        return self.page.xpath(path)

    @property
    def headings(self) -> dict[str, str]:
        """The sortable headings and their addresses, in the order they stand in."""
        return {words(one): str(one.get("href")) for one in self.all("//main//thead//a")}

    @property
    def sorted_by(self) -> list[tuple[str, str]]:
        found = self.all("//main//thead//th[@aria-sort]")
        return [(words(one), one.get("aria-sort")) for one in found]

    @property
    def rows(self) -> list[Row]:
        found = self.all("//main//table[contains(@class, 'report-table')]/tbody/tr")
        return [
            Row(_cells(one), "".join(one.xpath(".//a[contains(@class, 'row-link')]/@href")))
            for one in found
        ]

    @property
    def totals(self) -> list[tuple[str, ...]]:
        found = self.all("//main//table[contains(@class, 'report-table')]/tfoot/tr")
        return [_cells(one) for one in found]

    @property
    def headline(self) -> str:
        """What stands above the rows: of how many calls they are, and their totals."""
        return " ".join(words(one) for one in self.all("//p[contains(@class, 'list-figures')]"))

    @property
    def count(self) -> str:
        """How many rows there are, in words."""
        found = self.all("//div[contains(@class, 'pager')]/p")
        return words(found[0]).partition(" · ")[0] if found else ""

    @property
    def chips(self) -> dict[str, str]:
        """The filters in words and the address without each."""
        return {words(one): one.get("href") for one in self.all("//a[@class='chip']")}

    @property
    def notices(self) -> list[str]:
        return [words(one) for one in self.all("//main//*[contains(@class, 'notice')]")]

    def link(self, name: str) -> str:
        """Where the link of these words leads."""
        found = [one.get("href") for one in self.all("//main//a") if words(one) == name]
        assert found, f"no link {name}"
        return found[0]

    @property
    def run(self) -> str:
        """The token of the run whose rows these are."""
        return parse_qs(urlsplit(self.link("CSV")).query)["run"][0]


def words(element: Any) -> str:
    """What an element says: its text, or what its icon is called."""
    text = " ".join(element.text_content().split())
    return text or " ".join(element.xpath(".//*[@role='img']/@aria-label"))


def _cells(row: Any) -> tuple[str, ...]:
    return tuple(words(cell) for cell in row.xpath("./td"))


async def opened(browser: Browser, address: str = LIST) -> Result:
    """A result."""
    answer = await browser.get(address.partition("#")[0])
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return Result(browser.page)


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def download(browser: Browser, address: str) -> tuple[bytes, Any]:
    answer = await browser.client.get(address, headers=browser.headers)
    assert answer.status_code == 200
    content = await answer.get_data()
    assert isinstance(content, bytes)
    return content, answer.headers
