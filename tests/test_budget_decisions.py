"""What follows from how a budget stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rating.budget import Decision, Exhaust, Recover, Standing, Warn, carry, decide


def standing(
    spent: str,
    *,
    amount: str = "100",
    carried: str = "0",
    warn: tuple[int, ...] = (80,),
    warned: tuple[int, ...] = (),
    exhausted: bool = False,
) -> Standing:
    return Standing(Decimal(amount), Decimal(carried), Decimal(spent), warn, warned, exhausted)


@pytest.mark.parametrize(
    ("stands", "decisions"),
    [
        (standing("0"), ()),
        (standing("79.999999"), ()),
        (standing("80"), (Warn(80),)),
        (standing("80", warned=(80,)), ()),
        (standing("99.999999", warned=(80,)), ()),
        (standing("100", warned=(80,)), (Exhaust(),)),
        (standing("250"), (Warn(80), Exhaust())),
        (standing("95", warn=(90, 50, 80)), (Warn(50), Warn(80), Warn(90))),
        (standing("100", warn=(100,)), (Warn(100), Exhaust())),
        (standing("120", exhausted=True, warned=(80,)), ()),
        (standing("99.999999", exhausted=True, warned=(80,)), (Recover(),)),
        # What was carried over is there to be spent, and moves the warnings.
        (standing("100", carried="50"), ()),
        (standing("120", carried="50"), (Warn(80),)),
        (standing("150", carried="50", warned=(80,)), (Exhaust(),)),
        # A budget of nothing is used up from the start and warns of nothing.
        (standing("0", amount="0"), (Exhaust(),)),
        (standing("0", amount="0", carried="0.000001"), ()),
        # Reversals of an earlier period's calls may leave less than nothing spent.
        (standing("-5"), ()),
        (standing("-5", exhausted=True), (Recover(),)),
    ],
)
def test_decisions(stands: Standing, decisions: tuple[Decision, ...]) -> None:
    assert decide(stands) == decisions


def test_what_is_left_is_carried_and_a_debt_is_not() -> None:
    assert carry(Decimal(100), Decimal(20), Decimal(30)) == Decimal(90)
    assert carry(Decimal(100), Decimal(0), Decimal(130)) == Decimal(0)
