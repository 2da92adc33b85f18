"""The portal on the small company, as a test client sees it: forms are read and sent, not faked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import pytest
from argon2 import PasswordHasher
from quart.wrappers import Response
from quart_trio import QuartTrio

from actors.house import House, Outside, open_house
from rating.periods import Period
from storage import budgets, people
from storage.budgets import BudgetSpec, BudgetTarget
from storage.database import Connection, Database
from telephony.plant import Plant
from web.app import create_app
from web.settings import WebSettings

PASSWORD = "correct horse"
HASH = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
"""Cheap to look at: a test signs in more often than it guesses."""

SETTINGS = WebSettings(public_url="http://portal.example", secure_cookies=False, version="9.8.7")


@dataclass
class HeldClock:
    """A clock a test moves."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


class Browser:
    """What a person's browser does: keeps cookies, fills in forms, follows redirects."""

    def __init__(self, app: QuartTrio, **headers: str) -> None:
        self.client = app.test_client()
        self.headers = {"Host": "portal.example", **headers}
        self.page = ""

    async def get(self, path: str, **headers: str) -> Response:
        answer = await self.client.get(path, headers=self.headers | headers)
        self.page = (await answer.get_data()).decode()
        return answer

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page last read."""
        found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', self.page)
        assert found, f"no hidden field {name} in {self.page[:400]}"
        return unescape(found[1])

    async def post(
        self, path: str, *, headers: dict[str, str] | None = None, **form: str
    ) -> Response:
        answer = await self.client.post(path, form=form, headers=self.headers | (headers or {}))
        self.page = (await answer.get_data()).decode()
        return answer

    async def submit(self, path: str, **form: str) -> Response:
        """Send a form of the page last read, with its secret."""
        return await self.post(path, csrf_token=self.hidden("csrf_token"), **form)

    async def sign_in(
        self, username: str = "asonnino", password: str = PASSWORD, path: str = "/login"
    ) -> Response:
        await self.get(path)
        return await self.submit(
            path, username=username, password=password, next=self.hidden("next")
        )

    @property
    def text(self) -> str:
        """The words of the page last read, without tags, spaces made one."""
        body = re.sub(r"<(head|svg)\b.*?</\1>", " ", self.page, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()

    def value(self, element_id: str) -> str:
        """The words of one element by its id."""
        found = re.search(rf'id="{element_id}"[^>]*>(.*?)</dd>', self.page, flags=re.DOTALL)
        assert found, f"no element {element_id}"
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[1]))).strip()


async def _passwords(connection: Connection) -> None:
    await connection.execute("update person set password_hash = $1, language = ''", HASH)


async def budget_for(
    database: Database,
    key: str,
    amount: str,
    *,
    target: BudgetTarget = "person",
    period: Period = "monthly",
    warn: tuple[int, ...] = (80,),
    locks: bool = True,
) -> None:
    """Give a budget to somebody of the company."""
    spec = BudgetSpec(target, key, Decimal(amount), period, warn_at_percent=warn, locks=locks)
    await database.unit_of_work(budgets.set_budget, spec, datetime.now(UTC))


async def spend(database: Database, login: str, amount: str) -> int:
    """Set what is spent of a person's first budget, and evaluate it as its actor would."""

    async def work(connection: Connection) -> int:
        account: int = await connection.fetchval(
            """
            select a.id from budget_account a join person p on p.id = a.person_id
             where p.login = $1 order by a.id limit 1
            """,
            login,
        )
        await connection.execute(
            "update budget_period set spent = $2, revision = revision + 1 "
            "where account_id = $1 and closed_at is null",
            account,
            Decimal(amount),
        )
        return account

    account = await database.unit_of_work(work)
    await database.unit_of_work(budgets.evaluate, account, datetime.now(UTC))
    return account


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
async def house(database: Database, company: Plant) -> AsyncIterator[House]:
    """A running house without a phone system, whose people can sign in."""
    await database.unit_of_work(_passwords)
    async with open_house(database, lambda: datetime.now(UTC), Outside()) as opened:
        yield opened


@pytest.fixture
def app(house: House, clock: HeldClock) -> QuartTrio:
    """The portal; its own clock is the test's, the house's stays the real one."""
    return create_app(replace(house, clock=clock), SETTINGS)


@pytest.fixture
def browser(app: QuartTrio) -> Browser:
    return Browser(app)


async def id_of(database: Database, login: str) -> int:
    """The id of a person."""
    person = await database.unit_of_work(people.by_login, login)
    assert person is not None
    return person.id
