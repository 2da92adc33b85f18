"""Budgets on the real database: opened, moved, warned, exhausted, ended, corrected."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import trio
from fixtures_company import a_company, person_id  # noqa: F401

from storage import budgets, ledger, locks
from storage.budgets import BudgetChange, BudgetSpec, HistoryFilter
from storage.database import Connection, Database, StorageConflict
from storage.ledger import LedgerEntry
from storage.viewer import Viewer
from telephony.plant import Plant

NOON = datetime(2026, 11, 20, 11, tzinfo=UTC)


def spec(key: Any = "asonnino", amount: str = "100.00", **more: Any) -> Any:
    fields = {"target": "person", "target_key": key, "amount": Decimal(amount), "period": "monthly"}
    return BudgetSpec(**(fields | more))


class Books:
    """The few moves a scenario is made of; `clock` is what it says it is."""

    def __init__(self, database: Database, now: datetime = NOON) -> None:
        self.database = database
        self.now = now

    async def do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.database.unit_of_work(work, *args, **kwargs)

    async def id_of(self, login: Any) -> Any:
        return await self.do(person_id, login)

    async def set(self, *args: Any, **more: Any) -> Any:
        return await self.do(budgets.set_budget, spec(*args, **more), self.now)

    async def account_of(self, change: BudgetChange, login: Any = None) -> Any:
        async def ask(connection: Connection) -> Any:
            return await connection.fetchval(
                """
                select a.id from budget_account a left join person p on p.id = a.person_id
                 where a.budget_id = $1 and p.login is not distinct from $2
                """,
                change.budget_id,
                login,
            )

        return await self.do(ask)

    async def charge(self, login: Any, amount: str, at: Any = None) -> None:
        """A call of this cost that ended at `at`; below zero it is a reversal."""

        async def post(connection: Connection) -> None:
            person = await connection.fetchrow("select * from person where login = $1", login)
            entry = LedgerEntry(
                str(uuid.uuid4()),
                1,
                "charge" if Decimal(amount) >= 0 else "reversal",
                "731",
                person["id"],
                person["department"],
                person["cost_centre"],
                Decimal(amount),
                "EUR",
                at or self.now,
            )
            await ledger.post(connection, [entry])

        await self.do(post)

    async def look(self, account_id: int) -> Any:
        """What the account's actor does."""
        work = await self.do(budgets.work_of, account_id, self.now)
        if work.correct:
            await self.do(budgets.correct_carry, account_id, self.now)
        step = budgets.roll_over if work.roll_over else budgets.evaluate
        result = await self.do(step, account_id, self.now)
        assert await self.do(budgets.verify_balances) == []
        return result

    async def view(self, login: Any = "asonnino") -> Any:
        return await self.do(budgets.for_person, Viewer(await self.id_of(login), "own"), self.now)

    async def holds(self, number: Any = "731") -> Any:
        view = await self.do(locks.view, locks.ExtensionKey(number))
        return [hold.kind for hold in view.holds]

    async def queued(self) -> Any:
        async def ask(connection: Connection) -> Any:
            rows = await connection.fetch(
                """
                select n.kind, n.channel, p.login from notification n join person p
                    on p.id = n.person_id order by n.id
                """
            )
            return [tuple(row) for row in rows]

        return await self.do(ask)

    async def history(self, login: Any = "asonnino", page: int = 1, **filters: Any) -> Any:
        person = await self.id_of(login)
        return await self.do(budgets.history, Viewer(person, "own"), HistoryFilter(**filters), page)


@pytest.fixture
async def books(database: Database, company: Plant) -> Any:
    return Books(database)


async def test_a_budget_set_in_the_middle_of_a_month_counts_the_calls_already_made(
    books: Books,
) -> None:
    await books.charge("asonnino", "12.50", at=datetime(2026, 11, 2, 9, tzinfo=UTC))
    await books.charge("asonnino", "3.00", at=datetime(2026, 10, 31, 22, 59, tzinfo=UTC))
    assert await books.set()
    [view] = await books.view()
    assert (view.amount, view.spent, view.remaining) == (
        Decimal(100),
        Decimal("12.5"),
        Decimal("87.5"),
    )
    assert view.starts_at == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert view.ends_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert (view.currency, view.time_zone, view.target_key) == ("EUR", "Europe/Rome", "asonnino")


async def test_setting_the_same_again_changes_nothing_and_says_so(books: Books) -> None:
    first = await books.set(warn_at_percent=(80, 50))
    assert first.created
    again = await books.set("ASonnino", warn_at_percent=(50, 80))
    assert not again
    assert again.budget_id == first.budget_id
    change = await books.set(amount="120.00", carry_over=True, warn_at_percent=(50, 80))
    assert [(c.name, c.before, c.after) for c in change.changes] == [
        ("amount", Decimal(100), Decimal(120)),
        ("carry_over", False, True),
    ]
    [view] = await books.view()
    assert view.amount == Decimal(120)
    actions = [row.action for row in (await books.history()).rows]
    assert actions == ["change", "assign"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "nobody"},
        {"amount": "-1"},
        {"warn_at_percent": (0,)},
        {"each": True},
        {"target": "department", "key": " "},
    ],
)
async def test_terms_that_make_no_sense_are_refused_in_words(
    books: Books, wrong: dict[str, Any]
) -> None:
    with pytest.raises(StorageConflict):
        await books.set(**wrong)


async def test_a_warning_is_told_once_and_exhaustion_holds_the_phone(books: Books) -> None:
    account = await books.account_of(await books.set(warn_at_percent=(80,)), "asonnino")
    await books.charge("asonnino", "79.99")
    assert (await books.look(account)).decisions == ()
    await books.charge("asonnino", "0.01")
    assert (await books.look(account)).decisions == ("warn 80",)
    assert await books.queued() == [("budget_warning", "mail", "asonnino")]
    await books.charge("asonnino", "19.99")
    assert (await books.look(account)).decisions == ()
    assert await books.holds() == []
    await books.charge("asonnino", "0.01")
    result = await books.look(account)
    assert result.decisions == ("exhaust",)
    assert [str(key) for key in result.held] == ["731"]
    assert await books.holds() == ["budget"]
    assert (await books.look(account)) == budgets.EvaluationResult()
    assert [kind for kind, *_ in await books.queued()] == ["budget_warning", "budget_exhausted"]


@pytest.mark.parametrize(
    ("amount", "decisions", "told"),
    [
        ("85", ("warn 50", "warn 80"), ["budget_warning"]),
        ("120", ("warn 50", "warn 80", "exhaust"), ["budget_exhausted"]),
    ],
)
async def test_one_call_over_several_marks_is_one_mail(
    books: Books, amount: str, decisions: tuple[str, ...], told: list[str]
) -> None:
    account = await books.account_of(await books.set(warn_at_percent=(50, 80)), "asonnino")
    await books.charge("asonnino", amount)
    assert (await books.look(account)).decisions == decisions
    assert [kind for kind, channel, _ in await books.queued() if channel == "mail"] == told


async def test_a_top_up_or_a_reversal_releases_only_the_budgets_hold(books: Books) -> None:
    account = await books.account_of(await books.set(), "asonnino")
    await books.charge("asonnino", "100")
    await books.look(account)
    by = await books.id_of("root")
    key = locks.ExtensionKey("731")
    await books.do(locks.set_hold, key, "admin", held=True, by=by, source="", now=books.now)
    assert set(await books.holds()) == {"admin", "budget"}
    await books.set(amount="150")
    assert (await books.look(account)).decisions == ("recover",)
    assert await books.holds() == ["admin"]
    await books.charge("asonnino", "50")
    assert (await books.look(account)).decisions == ("exhaust",)
    await books.charge("asonnino", "-0.000001")
    assert (await books.look(account)).decisions == ("recover",)
    assert await books.holds() == ["admin"]


async def test_a_budget_that_does_not_lock_holds_nothing_until_it_does(books: Books) -> None:
    account = await books.account_of(await books.set(locks=False), "asonnino")
    await books.charge("asonnino", "500")
    assert (await books.look(account)).decisions == ("exhaust",)
    assert await books.holds() == []
    await books.set(locks=True)
    assert [str(key) for key in (await books.look(account)).held] == ["731"]


async def test_a_budget_of_nothing_is_exhausted_at_once(books: Books) -> None:
    account = await books.account_of(await books.set(amount="0"), "asonnino")
    assert (await books.look(account)).decisions == ("exhaust",)
    assert await books.holds() == ["budget"]


async def test_a_pot_counts_and_holds_all_its_members(books: Books) -> None:
    change = await books.set("sales", target="department", amount="10")
    pot = await books.account_of(change)
    await books.charge("asonnino", "6")
    await books.charge("bkowalska", "4")
    await books.charge("dweber", "50")  # Support
    assert [str(key) for key in (await books.look(pot)).held] == ["731", "732", "733"]
    [view] = await books.view("cmoreau")
    assert (view.target, view.target_key, view.spent) == ("department", "sales", Decimal(10))
    assert {login for _, _, login in await books.queued()} == {"asonnino", "bkowalska", "cmoreau"}
    assert await books.holds("741") == []


async def test_each_member_has_an_account_and_it_follows_who_is_a_member(books: Books) -> None:
    change = await books.set("CC-10", target="cost_centre", amount="10", each=True)
    account = await books.account_of(change, "bkowalska")
    await books.charge("bkowalska", "11")
    await books.look(account)
    assert await books.holds("732") == ["budget"]
    assert await books.holds("731") == []

    async def move(connection: Connection, login: Any, cost_centre: str) -> Any:
        await connection.execute(
            "update person set cost_centre = $2 where login = $1", login, cost_centre
        )
        return await budgets.sync_members(connection, books.now)

    assert await books.do(move, "bkowalska", "CC-20") == 1
    assert await books.holds("732") == []
    assert await books.view("bkowalska") == []
    # Back in the same month: what was spent is still spent.
    assert await books.do(move, "bkowalska", "cc-10") == 1
    await books.look(account)
    assert [view.spent for view in await books.view("bkowalska")] == [Decimal(11)]
    assert await books.holds("732") == ["budget"]
    assert await books.do(move, "dweber", "CC-10") == 1
    assert [view.remaining for view in await books.view("dweber")] == [Decimal(10)]


async def test_a_new_extension_of_an_exhausted_person_is_held_too(books: Books) -> None:
    account = await books.account_of(await books.set(amount="0"), "asonnino")
    await books.look(account)

    async def give(connection: Connection) -> None:
        await connection.execute(
            "insert into extension_owner (extension, person_id) values ('780', $1)",
            await person_id(connection, "asonnino"),
        )

    await books.do(give)
    assert [str(key) for key in (await books.look(account)).held] == ["780"]


async def test_the_end_of_a_period_releases_renews_carries_and_tells(books: Books) -> None:
    account = await books.account_of(await books.set(carry_over=True), "asonnino")
    await books.charge("asonnino", "5.39")
    await books.look(account)
    books.now = datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC)
    assert (await books.look(account)).ended == 0
    books.now = datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert (await books.look(account)).ended == 1
    [view] = await books.view()
    assert (view.amount, view.carried, view.spent) == (Decimal(100), Decimal("94.61"), Decimal(0))
    assert view.remaining == Decimal("194.61")
    assert await books.queued() == [
        ("end_period", "mail", "asonnino"),
        ("end_period", "phone", "asonnino"),
    ]
    [ended] = (await books.history(action="end_period")).rows
    assert (ended.details["spent"], ended.details["assigned"]) == ("5.390000", "100.000000")
    assert (ended.person_name, ended.extension) == ("Andrea Sonnino", "731")


async def test_the_end_of_an_exhausted_period_releases_its_hold(books: Books) -> None:
    account = await books.account_of(await books.set(), "asonnino")
    await books.charge("asonnino", "120")
    await books.look(account)
    books.now = datetime(2026, 12, 1, 8, tzinfo=UTC)
    result = await books.look(account)
    assert [str(key) for key in result.released] == ["731"]
    assert await books.holds() == []
    [view] = await books.view()
    assert (view.carried, view.spent, view.exhausted) == (Decimal(0), Decimal(0), False)


async def test_a_daemon_that_was_away_at_several_midnights_ends_them_in_order(books: Books) -> None:
    account = await books.account_of(
        await books.set(amount="10", period="daily", carry_over=True), "asonnino"
    )
    await books.charge("asonnino", "4")
    # While nobody looks, calls of later days are posted: two on the 21st, one on the 23rd.
    await books.charge("asonnino", "1", at=NOON + timedelta(days=1))
    await books.charge("asonnino", "2", at=NOON + timedelta(days=1, hours=1))
    await books.charge("asonnino", "8", at=NOON + timedelta(days=3))
    books.now = NOON + timedelta(days=3, hours=2)
    assert (await books.look(account)).ended == 3
    rows = (await books.history(action="end_period", sort="asc")).rows
    assert [row.details["spent"] for row in rows] == ["4.000000", "3.000000", "0.000000"]
    assert [row.details["carried"] for row in rows] == ["0.000000", "6.000000", "13.000000"]
    [view] = await books.view()
    assert (view.carried, view.spent, view.remaining) == (Decimal(23), Decimal(8), Decimal(25))
    assert [kind for kind, *_ in await books.queued()] == ["end_period", "end_period"]


async def test_a_late_call_corrects_the_closed_period_and_what_it_carried(books: Books) -> None:
    account = await books.account_of(
        await books.set(amount="10", period="weekly", carry_over=True), "asonnino"
    )
    books.now = NOON + timedelta(days=14)
    await books.look(account)
    [view] = await books.view()
    assert view.carried == Decimal(20)
    await books.charge("asonnino", "7", at=NOON)
    await books.charge("asonnino", "16", at=NOON + timedelta(days=7))
    await books.look(account)
    [view] = await books.view()
    assert view.carried == Decimal(
        0
    )  # 10 - 7 = 3 into the second, which then spent more than its 13
    corrections = (await books.history(action="correct_carry", sort="asc")).rows
    assert [row.details["carried"] for row in corrections] == ["3.000000", "0.000000"]
    # A reversal of the late call puts it back.
    await books.charge("asonnino", "-16", at=NOON + timedelta(days=7))
    await books.look(account)
    [view] = await books.view()
    assert view.carried == Decimal(13)


async def test_carry_over_switched_off_later_leaves_the_past_alone(books: Books) -> None:
    account = await books.account_of(
        await books.set(amount="10", period="daily", carry_over=True), "asonnino"
    )
    books.now = NOON + timedelta(days=1)
    await books.look(account)
    await books.set(amount="10", period="daily", carry_over=False)
    await books.charge("asonnino", "4", at=NOON)
    await books.look(account)
    assert [view.carried for view in await books.view()] == [Decimal(6)]
    books.now = NOON + timedelta(days=2)
    await books.look(account)
    assert [view.carried for view in await books.view()] == [Decimal(0)]


async def test_an_ended_budget_lets_go_and_can_be_set_again(books: Books) -> None:
    change = await books.set(amount="0")
    account = await books.account_of(change, "asonnino")
    await books.look(account)
    assert await books.do(budgets.end_budget, change.budget_id, books.now)
    assert not await books.do(budgets.end_budget, change.budget_id, books.now)
    assert await books.holds() == []
    assert await books.view() == []
    assert await books.do(budgets.accounts_due, books.now) == []
    again = await books.set()
    assert again.created
    assert again.budget_id != change.budget_id


async def test_a_person_whose_site_moves_gets_the_new_zone_without_a_hole(books: Books) -> None:
    account = await books.account_of(await books.set(period="daily"), "asonnino")

    async def move(connection: Connection) -> None:
        await connection.execute("update site set time_zone = 'America/New_York'")
        await budgets.sync_members(connection, books.now)

    await books.do(move)
    [view] = await books.view()
    assert view.ends_at == datetime(2026, 11, 20, 23, tzinfo=UTC)
    books.now = datetime(2026, 11, 20, 23, tzinfo=UTC)
    await books.look(account)
    [view] = await books.view()
    assert view.starts_at == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert view.ends_at == datetime(2026, 11, 21, 5, tzinfo=UTC)


async def test_the_history_is_filtered_sorted_and_paged(books: Books) -> None:
    account = await books.account_of(
        await books.set(amount="10", period="daily", warn_at_percent=(50,)), "asonnino"
    )
    for day in range(1, 15):
        books.now = NOON + timedelta(days=day)
        await books.charge("asonnino", f"{day / 10:.2f}")
        await books.look(account)
    page = await books.history(action="end_period")
    assert (len(page.rows), page.total) == (10, 14)
    assert len((await books.history(action="end_period", page=2)).rows) == 4
    ats = [row.at for row in page.rows]
    assert ats == sorted(ats, reverse=True)
    assert (await books.history(sort="asc")).rows[0].action == "assign"
    assert (await books.history(budget_for="sonnino (")).total == 0
    assert (await books.history(budget_for="SONNINO")).total == (await books.history()).total
    assert (await books.history(budget_for="731")).total > 14
    assert (await books.history(details="1.300000")).total == 1
    since = NOON + timedelta(days=13)
    assert (await books.history(action="end_period", from_at=since)).total == 2
    assert (await books.history(action="end_period", until_at=since)).total == 12
    assert (await books.history("bkowalska")).total == 0


async def test_the_listing_names_people_by_login_and_pots_by_name(books: Books) -> None:
    await books.set()
    await books.set("Sales", target="department", amount="500")
    await books.set("CC-20", target="cost_centre", amount="5", each=True, period="weekly")
    await books.charge("asonnino", "1.5")
    lines = await books.do(budgets.listing, books.now)
    assert [(line.owner, line.period, line.spent) for line in lines] == [
        ("asonnino", "monthly", Decimal("1.5")),
        ("dweber", "weekly", Decimal(0)),
        ("Sales", "monthly", Decimal("1.5")),
    ]


async def test_verify_names_what_differs(books: Books) -> None:
    await books.set()

    async def spoil(connection: Connection) -> None:
        await connection.execute("update budget_period set spent = 1, carried = 2")

    await books.do(spoil)
    found = await books.do(budgets.verify_balances)
    assert [(d.owner, d.field, d.stored, d.computed) for d in found] == [
        ("asonnino", "spent", Decimal(1), Decimal(0)),
        ("asonnino", "carried", Decimal(2), Decimal(0)),
    ]
    assert "recomputed 0.000000" in str(found[0])


async def test_calls_posted_while_a_budget_is_set_are_counted_exactly_once(books: Books) -> None:
    """Postings and period openings at the same time: whoever is first, no call is missed."""
    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(books.charge, "asonnino", "1")
            if number % 10 == 5:
                period = ("daily", "weekly", "monthly")[number // 10]
                nursery.start_soon(books.do, budgets.set_budget, spec(period=period), books.now)
    assert [view.spent for view in await books.view()] == [Decimal(30)] * 3
    assert await books.do(budgets.verify_balances) == []
