"""Call-record rows above, the calls that must come of them below: every scenario of the guide."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_tables import BEGIN, EMPTY, Scenario, rater, scenarios

from rating.charge import PricedCall
from storage.calls import components
from telephony.legs import Leg
from telephony.merge import _single, is_recording, plain_call
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


NUMBERS = st.sampled_from(
    ["", "201", "202", "207", "00266771234", "112", "b00123", "8000", "+39021"]
)
DEVICES = st.sampled_from(
    ["", "SEP201", "SEP202", "TRUNK-PSTN", "TRUNK-VM", "ICT-HQ", "CSFANNA", "OTHER"]
)


@given(
    calling=NUMBERS,
    called=NUMBERS,
    outpulsed=st.sampled_from(["", "0266771234"]),
    orig=DEVICES,
    dest=DEVICES,
    dest_leg=st.sampled_from([0, 2]),
    seconds=st.integers(0, 100),
    answered=st.booleans(),
    usage=st.sampled_from([2, 5]),
)
def test_the_short_way_for_plain_legs_gives_what_the_general_way_gives(
    calling: str,
    called: str,
    outpulsed: str,
    orig: str,
    dest: str,
    dest_leg: int,
    seconds: int,
    answered: bool,
    usage: int,
) -> None:
    leg = EMPTY._replace(
        pkid="7689e493-f151-4173-885f-ca81be94258f",
        call_no=7,
        orig_leg=1,
        dest_leg=dest_leg,
        originated=BEGIN,
        connected=BEGIN + 5 if answered else 0,
        disconnected=BEGIN + 5 + seconds,
        duration_s=seconds if answered else 0,
        calling=calling,
        original_called=called,
        final_called=called,
        outpulsed_called=outpulsed,
        orig_device=orig,
        dest_device=dest,
        pattern_usage=usage,
    )
    short = plain_call(leg, RATER.plant)
    general = [] if is_recording(leg) else _single(leg, RATER.plant)
    assert short is None or [short] == general
