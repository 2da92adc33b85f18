"""The trace: every step of a price, and lines that sum to it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from hypothesis import given
from test_rating import NOON, SITE, a_rate, a_version, rates, seconds

from rating.engine import price
from rating.tariff import Rate
from rating.trace import Trace, trace
from telephony.numbers import normalise


def explained(
    *rows: Rate, to: str = "00266771234", lasting: int = 75, answered: bool = True,
    at: datetime = NOON,
) -> Trace:  # fmt: skip
    return trace(a_version(*rows), normalise(to, SITE), at, lasting, answered, SITE, "EUR")


def kinds(found: Trace) -> list[str]:
    return [line.kind for line in found.intervals]


@given(rates, seconds)
def test_the_intervals_sum_to_the_cost(rate: Rate, duration: int) -> None:
    found = explained(rate, lasting=duration)
    document = found.as_json()
    total = sum((Decimal(line["amount"]) for line in document["intervals"]), Decimal(0))
    assert total == Decimal(document["total"]) == found.charge.cost
    arguments = (normalise("00266771234", SITE), NOON, duration, True, SITE, "EUR")
    assert found.charge == price(a_version(rate), *arguments)


@given(rates, seconds)
def test_the_intervals_cover_the_billed_seconds_without_a_gap(rate: Rate, duration: int) -> None:
    found = explained(rate, lasting=duration)
    covered = [line for line in found.intervals if line.kind in ("initial", "increments")]
    assert sum(line.to_s - line.from_s for line in covered) == found.charge.billed_s
    assert found.charge.billed_s >= duration


def test_it_tells_prefixes_losers_intervals_and_total() -> None:
    rows = (a_rate("39", "0.5"), a_rate("3902", "0.006", "30/6"), a_rate("3", "9"))
    text = explained(*rows).as_text()
    for part in (
        "00266771234 as dialled", "outside prefix 0 of Milano taken off: 0266771234",
        "+390266771234", "3902", "wins", "a longer prefix wins", "carrier, version valid from",
        "first interval of 30 s", "8 x 6 s more, to second 78", "billed 78 s", "any time",
        "0.007800 EUR",
    ):  # fmt: skip
        assert part in text
    document = explained(*rows).as_json()
    assert [c["prefix"] for c in document["candidates"]] == ["3902", "39", "3"]
    assert [c["won"] for c in document["candidates"]] == [True, False, False]
    assert document["total"] == "0.007800"
    assert json.loads(json.dumps(document)) == document


def test_fee_minimum_free_seconds_and_rounding_are_lines_of_their_own() -> None:
    rate = a_rate("39", "0.1", "7/7", connect_fee=Decimal("0.01"), free_s=3)
    found = explained(rate, lasting=14)
    assert kinds(found) == ["connect_fee", "initial", "increments", "free_seconds", "rounding"]
    dear = a_rate("39", "0.1", "60/60", minimum_charge=Decimal("0.25"))
    assert kinds(explained(dear)) == ["initial", "increments", "minimum_charge"]
    assert explained(dear).charge.cost == Decimal("0.25")


def test_it_says_why_nothing_is_charged() -> None:
    rate = a_rate("39", "1")
    assert "Unanswered" in explained(rate, answered=False).as_text()
    assert "zero seconds" in explained(rate, lasting=0).as_text()
    assert "No rate" in explained(a_rate("44", "1")).as_text()
    assert "Emergency" in explained(rate, to="112").as_text()
    saturday = a_rate("39", "1", days="Sat")
    assert "No time band" in explained(saturday).as_text()
    without = trace(None, normalise("00266771234", SITE), NOON, 60, True, SITE, "EUR")
    assert "No tariff was valid" in without.as_text()
    assert without.as_json()["unrated"] is True
    assert without.free("because").as_json()["unrated"] is False


def test_a_short_code_shows_the_rows_that_must_not_price_it() -> None:
    found = explained(a_rate("391", "1", type="national"), to="01254")
    assert [c.lost for c in found.candidates] == ["prices whole numbers, not short codes"]
    assert found.charge.unrated


def test_the_band_and_the_local_time_are_named() -> None:
    document = explained(a_rate("39", "1", days="Mon-Fri", from_time="08:00", to_time="18:00"))
    assert document.as_json()["band"] == "Mon-Fri 08:00-18:00"
    assert document.as_json()["local_time"] == "2026-11-18T12:00:00+01:00"
    assert "Wed 2026-11-18 12:00:00 Europe/Rome" in document.as_text()
