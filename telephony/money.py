"""Exact money: a decimal and its currency. No float ever touches it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from telephony.errors import TelephonyError

SIX_PLACES = Decimal("0.000001")
"""The one precision in which money is stored: numeric(18,6)."""

ZERO = Decimal("0.000000")


class CurrencyMismatch(TelephonyError):
    """Amounts of different currencies were combined."""


def round_once(amount: Decimal) -> Decimal:
    """Round to six decimals, half up: done exactly once per charge, never again before display."""
    with localcontext() as context:
        context.prec = 60
        return amount.quantize(SIX_PLACES, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in a currency (ISO 4217). Amounts of different currencies do not combine."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"money is a Decimal, not {type(self.amount).__name__}")

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not combine")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def plain(self) -> str:
        """The amount with six decimals, as every JSON document carries it."""
        return plain(self.amount)


def plain(amount: Decimal) -> str:
    """`amount` with six decimals and no exponent, as every JSON document carries it."""
    return format(round_once(amount), "f")
