"""What a call costs: published vectors, a plain decimal reference, and properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.engine import Charge, price
from rating.tariff import Rate, RateError, TariffBook, TariffVersion, make_rate
from telephony.numbers import Number, normalise
from telephony.plant import Site

SITE = Site(1, "Milano", "IT", "Europe/Rome", "02", "0", ("112", "118"))
NOON = datetime(2026, 11, 18, 11, tzinfo=UTC)


def a_rate(
    prefix: str = "39", per_minute: str = "0.10", intervals: str = "60/60", **more: object
) -> Rate:
    """A row of a price list; `more` are further columns by their name in the file."""
    initial, _, increment = intervals.partition("/")
    fields: dict[str, object] = {
        "type": "international",
        "destination": f"To {prefix}",
        "connect_fee": Decimal(0),
        "free_s": 0,
        "minimum_charge": Decimal(0),
    } | more
    return make_rate(
        prefix,
        price_per_minute=Decimal(per_minute),
        initial_s=int(initial),
        increment_s=int(increment),
        **fields,  # type: ignore[arg-type]
    )


def a_version(*rates: Rate, version_id: int = 7, valid_from: datetime = NOON) -> TariffVersion:
    return TariffVersion.of(
        rates, id=version_id, tariff_id=1, tariff="carrier", currency="EUR", valid_from=valid_from
    )


def charged(
    *rates: Rate, to: str = "+390266771234", seconds: int = 60, at: datetime = NOON,
    answered: bool = True, site: Site = SITE,
) -> Charge:  # fmt: skip
    return price(a_version(*rates), normalise(to, site), at, seconds, answered, site, "EUR")


# The published vectors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_minute", "intervals", "seconds", "cost"),
    [
        ("0.006", "30/6", 32, "0.0036"),
        ("0.006", "30/6", 57, "0.0060"),
        ("0.006", "30/6", 75, "0.0078"),
        ("0.6", "60/7", 63, "0.67"),
        ("0.6", "90/60", 91, "1.50"),
        ("0.6", "90/60", 151, "2.10"),
        ("0.20", "1/1", 600, "2.0000"),
        ("0.20", "0/1", 600, "2.0000"),
        ("0.20", "60/60", 0, "0"),
        ("0.20", "1/1", 4, "0.013333"),
    ],
)
def test_published_vectors(per_minute: str, intervals: str, seconds: int, cost: str) -> None:
    charge = charged(a_rate("39", per_minute, intervals), seconds=seconds)
    assert charge.cost == Decimal(cost)
    assert charge.cost.as_tuple().exponent == -6


def test_the_longer_prefix_wins_at_a_higher_price() -> None:
    cheap, dear = a_rate("39", "0.01"), a_rate("3902", "0.90")
    for rates in ((cheap, dear), (dear, cheap)):
        charge = charged(*rates)
        assert (charge.prefix, charge.cost) == ("3902", Decimal("0.90"))


def test_fee_free_seconds_and_minimum() -> None:
    rate = a_rate("39", "0.60", "30/6", connect_fee=Decimal("0.05"), free_s=10)
    assert charged(rate, seconds=32).cost == Decimal("0.31")  # 0.05 + 26 s
    assert charged(rate, seconds=1).cost == Decimal("0.25")
    assert charged(replace(rate, free_s=60), seconds=32).cost == Decimal("0.05")
    assert charged(replace(rate, minimum_charge=Decimal("0.50")), seconds=32).cost == Decimal("0.5")


def test_half_a_millionth_is_rounded_up() -> None:
    assert charged(a_rate("39", "0.000001", "1/1"), seconds=30).cost == Decimal("0.000001")
    assert charged(a_rate("39", "0.000001", "1/1"), seconds=29).cost == Decimal(0)


def test_who_does_not_answer_costs_nothing() -> None:
    rate = a_rate("39", "1", connect_fee=Decimal(1), minimum_charge=Decimal(5))
    for charge in (charged(rate, answered=False), charged(rate, seconds=0)):
        assert (charge.cost, charge.billed_s, charge.unrated) == (Decimal(0), 0, False)
        assert charge.destination == "To 39"


def test_a_number_no_rate_covers_is_unrated() -> None:
    charge = charged(a_rate("44"))
    assert (charge.cost, charge.unrated, charge.rate) == (Decimal(0), True, None)
    assert (charge.destination, charge.currency, charge.tariff_version_id) == ("", "EUR", 7)
    assert not charged(a_rate("44"), answered=False).unrated


def test_without_a_tariff_a_call_is_unrated_in_the_company_s_currency() -> None:
    charge = price(None, normalise("+390266771234", SITE), NOON, 60, True, SITE, "CHF")
    assert (charge.unrated, charge.currency, charge.tariff_version_id) == (True, "CHF", None)


# Emergency numbers and short codes --------------------------------------------------------------


def test_an_emergency_number_is_free_where_the_tariff_names_no_price() -> None:
    for dialled in ("112", "0112", "+39112"):
        charge = charged(a_rate("39", "1"), to=dialled)
        assert (charge.cost, charge.unrated, charge.type) == (Decimal(0), False, "emergency")
    assert not price(None, normalise("112", SITE), NOON, 9, True, SITE, "EUR").unrated


@pytest.mark.parametrize("prefix", ["39112", "112"])
def test_an_emergency_row_prices_the_emergency_number(prefix: str) -> None:
    row = a_rate(prefix, "0.30", type="emergency", destination="Soccorso")
    charge = charged(row, a_rate("391", "9"), to="0112")
    assert (charge.cost, charge.destination) == (Decimal("0.30"), "Soccorso")


def test_an_emergency_row_never_prices_other_numbers() -> None:
    charge = charged(a_rate("911", "0", type="emergency"), a_rate("91", "0.4"), to="+911112345678")
    assert charge.prefix == "91"


def test_a_city_s_prefix_does_not_price_a_short_code() -> None:
    london = Site(2, "London", "GB", "Europe/London", "020", "9")
    reading = a_rate("44118", "0.02", type="national", destination="Reading")
    assert charged(reading, to="9118500", site=london).unrated
    assert charged(reading, to="901189000000", site=london).destination == "Reading"
    whole = a_rate("44118500", "2", type="premium")
    assert charged(reading, whole, to="9118500", site=london).prefix == "44118500"
    family = a_rate("441185", "3", type="premium")
    assert charged(reading, family, to="9118500", site=london).prefix == "441185"


@pytest.mark.parametrize("dialled", ["731", "someone@example.com", "", "*21#"])
def test_what_is_no_outside_number_is_unrated(dialled: str) -> None:
    assert charged(a_rate("39"), to=dialled).unrated


# Versions ---------------------------------------------------------------------------------------


def test_the_version_valid_when_the_call_connected() -> None:
    instants = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 7)]
    versions = [
        a_version(a_rate(), version_id=i, valid_from=at) for i, at in enumerate(instants, 1)
    ]
    book = TariffBook.of([versions[2], versions[0], versions[1]])
    assert book.version(1, datetime(2025, 12, 31, tzinfo=UTC)) is None
    assert book.version(1, instants[1]) is versions[1]
    assert book.version(1, datetime(2026, 3, 31, 23, tzinfo=UTC)) is versions[0]
    assert book.version(1, NOON) is versions[2]
    assert book.version(2, NOON) is None
    assert book.version(None, NOON) is None
    assert book.by_id(3) is versions[2]
    assert book.by_id(99) is None


# Rates that cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prefix": "0039"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "٣٩"}, "prefix"),
        ({"type": "satellite"}, "international"),
        ({"increment_s": 0}, "increment_s"),
        ({"initial_s": -1}, "initial_s"),
        ({"price_per_minute": Decimal(-1)}, "price_per_minute"),
        ({"price_per_minute": Decimal("0.0000001")}, "six decimals"),
        ({"connect_fee": Decimal("NaN")}, "connect_fee"),
        ({"minimum_charge": Decimal("1e30")}, "minimum_charge"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(RateError, match=told):
        replace(a_rate(), **changes)


# Properties -------------------------------------------------------------------------------------

amounts = st.integers(0, 5_000_000).map(lambda micros: Decimal(micros).scaleb(-6))
seconds = st.integers(0, 20_000)
rates = st.builds(
    Rate,
    prefix=st.just("39"),
    destination=st.just("Italy"),
    type=st.just("national"),
    connect_fee=amounts,
    price_per_minute=amounts,
    initial_s=st.integers(0, 200),
    increment_s=st.integers(1, 200),
    free_s=st.integers(0, 300),
    minimum_charge=st.just(Decimal(0)) | amounts,
)


def reference(rate: Rate, duration_s: int) -> Decimal:
    """The definition, read aloud, in exact fractions and rounded once at the end."""
    if duration_s == 0:
        return Decimal(0)
    billed = rate.initial_s
    while billed < duration_s:
        billed += rate.increment_s
    minutes = Fraction(max(0, billed - rate.free_s), 60)
    exact = max(
        Fraction(rate.minimum_charge),
        Fraction(rate.connect_fee) + Fraction(rate.price_per_minute) * minutes,
    )
    scaled = exact * 1_000_000
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    return Decimal(whole + (2 * rest >= scaled.denominator)).scaleb(-6)


@given(rates, seconds)
def test_the_engine_is_the_definition(rate: Rate, duration: int) -> None:
    cost = charged(rate, seconds=duration).cost
    assert cost == reference(rate, duration)
    assert cost >= 0


@given(rates, seconds)
def test_the_engine_is_the_definition_in_plain_decimals(rate: Rate, duration: int) -> None:
    billed = charged(rate, seconds=duration).billed_s
    if duration == 0:
        return
    exact = rate.connect_fee + rate.price_per_minute * max(0, billed - rate.free_s) / 60
    due = max(rate.minimum_charge, exact).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
    assert charged(rate, seconds=duration).cost == due


@given(rates, seconds, seconds)
def test_a_longer_call_never_costs_less(rate: Rate, one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert charged(rate, seconds=short).cost <= charged(rate, seconds=long).cost


@given(
    st.integers(0, 10_000).map(lambda n: Decimal(n * 60).scaleb(-6)),
    st.lists(st.integers(1, 3_000), min_size=1, max_size=6),
)
def test_per_second_slices_sum_to_the_whole(per_minute: Decimal, slices: list[int]) -> None:
    rate = a_rate("39", str(per_minute), "1/1")
    parts = sum(charged(rate, seconds=part).cost for part in slices)
    assert parts == charged(rate, seconds=sum(slices)).cost


@given(amounts, st.lists(st.integers(1, 3_000), min_size=1, max_size=6))
def test_any_price_s_slices_sum_to_the_whole_but_for_their_roundings(
    per_minute: Decimal, slices: list[int]
) -> None:
    rate = a_rate("39", str(per_minute), "1/1")
    parts = sum(charged(rate, seconds=part).cost for part in slices)
    half = Decimal("0.0000005")
    assert abs(parts - charged(rate, seconds=sum(slices)).cost) <= half * (len(slices) + 1)


@given(
    st.lists(st.text("0123456789", max_size=8), min_size=1, max_size=30),
    st.text("0123456789", min_size=6, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_longest_prefix_wins_in_whatever_order(
    tails: list[str], digits: str, random: object
) -> None:
    prefixes = sorted({f"39{tail}" for tail in tails})
    rows = [a_rate(prefix, str(Decimal(i) / 100)) for i, prefix in enumerate(prefixes)]
    number = Number("", f"+39{digits}", "e164", (), f"39{digits}", "", "39")
    fitting = [prefix for prefix in prefixes if number.rated_as.startswith(prefix)]
    expected = max(fitting, key=len, default="")
    random.shuffle(rows)  # type: ignore[attr-defined]
    charge = price(a_version(*rows), number, NOON, 60, True, SITE, "EUR")
    assert charge.prefix == expected
    assert charge.unrated == (not fitting)
