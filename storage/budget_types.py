"""The records budgets are asked for and answered with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from rating.periods import Period
from telephony.clock import iso_z
from telephony.money import plain
from telephony.plant import ExtensionKey

BudgetTarget = Literal["person", "department", "cost_centre"]


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """What a budget shall be. Target, key, `each` and period say which budget is meant.

    `target_key` is a login, a department or a cost centre, in any case. `each` gives every member
    an account of their own instead of one pot. Amounts are in the company's currency.
    """

    target: BudgetTarget
    target_key: str
    amount: Decimal
    period: Period
    each: bool = False
    carry_over: bool = False
    warn_at_percent: Sequence[int] = ()
    locks: bool = True


class FieldChange(NamedTuple):
    """One term of a budget that became different."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """What setting a budget did: `created`, some `changes`, or nothing (it is false then)."""

    budget_id: int
    created: bool
    changes: tuple[FieldChange, ...] = ()

    def __bool__(self) -> bool:
        return self.created or bool(self.changes)


@dataclass(frozen=True, slots=True)
class Account:
    """A pot, or one person's share of a budget, with the terms of its budget."""

    id: int
    budget_id: int
    person_id: int | None
    time_zone: str
    target: BudgetTarget
    target_key: str
    each: bool
    amount: Decimal
    currency: str
    period: Period
    carry_over: bool
    warn_at_percent: tuple[int, ...]
    locks: bool
    live: bool


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What looking at an account changed: empty where it changed nothing."""

    decisions: tuple[str, ...] = ()
    held: tuple[ExtensionKey, ...] = ()
    released: tuple[ExtensionKey, ...] = ()
    corrected: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget as a person sees it. Amounts are in `currency`; instants in UTC, zone IANA.

    `remaining` is below zero where more was spent than there was; `ends_at` is excluded.
    """

    account_id: int
    target: BudgetTarget
    target_key: str
    period: Period
    amount: Decimal
    carried: Decimal
    spent: Decimal
    remaining: Decimal
    currency: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    exhausted: bool
    locks: bool
    warn_at_percent: tuple[int, ...]
    each: bool = False


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One row of `budget list`: `owner` is a login, a department or a cost centre."""

    owner: str
    target: BudgetTarget
    period: Period
    amount: Decimal
    carried: Decimal
    spent: Decimal
    remaining: Decimal
    currency: str
    until: datetime
    time_zone: str
    exhausted: bool


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which rows of a history, and in which order. Texts match anywhere, whatever their case."""

    from_at: datetime | None = None
    until_at: datetime | None = None
    budget_for: str = ""
    action: str = ""
    details: str = ""
    sort: Literal["desc", "asc"] = "desc"


class HistoryRow(NamedTuple):
    """One action of a budget. `details` holds texts; amounts among them have six decimals.

    For an own account or a member's share `person_name` and `extension` say whose; for a pot they
    are those of the person concerned, empty where it concerns all.
    """

    at: datetime
    target: BudgetTarget
    target_key: str
    person_name: str
    extension: str
    action: str
    details: dict[str, Any]
    currency: str


class HistoryPage(NamedTuple):
    """One page of a history and how many rows there are in all pages together."""

    rows: list[HistoryRow]
    total: int


class Difference(NamedTuple):
    """A stored figure that is not what the ledger says."""

    account_id: int
    owner: str
    starts_at: datetime
    field: Literal["spent", "carried"]
    stored: Decimal
    computed: Decimal

    def __str__(self) -> str:
        return (
            f"budget of {self.owner} (account {self.account_id}), period from "
            f"{iso_z(self.starts_at)}: {self.field} is stored as {plain(self.stored)}, "
            f"recomputed {plain(self.computed)}"
        )
