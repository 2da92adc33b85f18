"""What a budget allows: pure decisions, made from how a period stands and from nothing else.

A budget is exhausted once what was spent reaches what is there (amount and carry-over together), so
a budget of nothing is exhausted from its first instant. Falling below again releases it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from telephony.money import ZERO


@dataclass(frozen=True, slots=True)
class Standing:
    """How a period stands. All amounts are in the budget's one currency.

    `spent` may be below zero where a call of an earlier period was reversed. `warned` are the
    percentages already told in this period; `exhausted` is what was decided last.
    """

    amount: Decimal
    carried: Decimal
    spent: Decimal
    warn_at_percent: Sequence[int] = ()
    warned: Sequence[int] = ()
    exhausted: bool = False

    @property
    def available(self) -> Decimal:
        """What may be spent in the period in all."""
        return self.amount + self.carried

    @property
    def remaining(self) -> Decimal:
        """What is left; below zero where more was spent than there was."""
        return self.available - self.spent


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell that this percentage was reached: once per period, even where it is reached again."""

    percent: int


@dataclass(frozen=True, slots=True)
class Exhaust:
    """The budget is used up: hold the phones, where the budget locks."""


@dataclass(frozen=True, slots=True)
class Recover:
    """There is something left again: release this budget's holds."""


Decision = Warn | Exhaust | Recover


def is_exhausted(standing: Standing) -> bool:
    """Whether nothing is left."""
    return standing.spent >= standing.available


def decide(standing: Standing) -> tuple[Decision, ...]:
    """What follows from how the period stands: warnings lowest first, then exhaust or recover.

    Percentages of nothing mean nothing: a budget of zero never warns.
    """
    decisions: list[Decision] = []
    if standing.available > ZERO:
        decisions += [
            Warn(percent)
            for percent in sorted(set(standing.warn_at_percent) - set(standing.warned))
            if standing.spent * 100 >= standing.available * percent
        ]
    if is_exhausted(standing) and not standing.exhausted:
        decisions.append(Exhaust())
    if standing.exhausted and not is_exhausted(standing):
        decisions.append(Recover())
    return tuple(decisions)


def carry(amount: Decimal, carried: Decimal, spent: Decimal) -> Decimal:
    """What a period hands to the next one: what is left, never a debt."""
    return max(ZERO, amount + carried - spent)
