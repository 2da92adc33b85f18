"""Call-record rows above, the calls that must come of them below: every scenario of the guide."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from scenario_tables import Scenario, rater, scenarios

from rating.charge import PricedCall
from storage.calls import components
from telephony.legs import Leg
from telephony.money import plain

ALL = scenarios()
RATER = rater()


def told(calls: Sequence[PricedCall]) -> list[tuple[str, ...]]:
    """Calls as the scenario files write them."""
    rows = [
        row
        for call in sorted(calls, key=lambda call: call.rows[0].originated_at)
        for row in call.rows
    ]
    return [
        (
            row.direction,
            row.extension or "-",
            row.payer or "-",
            row.number,
            str(row.duration_s),
            "yes" if row.answered else "no",
            plain(row.cost),
        )
        for row in rows
    ]


def settled(legs: Sequence[Leg]) -> list[PricedCall]:
    return [call for component in components(legs, RATER.links) for call in RATER.settle(component)]


def test_there_are_scenarios_enough() -> None:
    assert len(ALL) >= 40
    assert len({scenario.name for scenario in ALL}) == len(ALL)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    calls = settled(scenario.legs)
    assert sorted(told(calls)) == sorted(scenario.expected)
    for call in calls:
        assert [row.counted for row in call.rows] == [True] + [False] * (len(call.rows) - 1)
        assert all(row.cost == 0 for row in call.rows[1:])


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_the_order_in_which_rows_come_does_not_matter(scenario: Scenario) -> None:
    orders = list(itertools.permutations(scenario.legs))
    random.Random(7).shuffle(orders)
    wanted = sorted(settled(scenario.legs))
    for order in orders[:60]:
        assert sorted(settled(order)) == wanted
