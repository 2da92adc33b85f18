"""What the engine reckons and masks in every statement, beside Python's whole numbers and masks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.facts.fields import MACROS
from telephony.privacy import mask

NEAR_THE_LIMIT = st.integers(10**15 - 5, 10**15 + 5)
PARTS = st.one_of(st.integers(-(10**16), 10**16), st.integers(-100, 100), NEAR_THE_LIMIT)
WHOLES = st.one_of(st.integers(1, 10**9), st.integers(-3, 9))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in MACROS:
            connection.execute(statement)
        yield connection


def half_up(part: int, whole: int, times: int) -> int:
    """As whole numbers are divided: towards zero."""
    doubled, twice = 2 * times * part + whole, 2 * whole
    return doubled // twice if doubled >= 0 else -(-doubled // twice)


@given(part=PARTS, whole=st.one_of(WHOLES, NEAR_THE_LIMIT))
def test_shares_and_averages(engine: duckdb.DuckDBPyConnection, part: int, whole: int) -> None:
    if whole == 1 or (whole > 0 and abs(part) // whole > 10**14):
        return  # more digits than a share has
    row = engine.execute(
        "select tenths($p::hugeint, $w::hugeint), hundredths($p::hugeint, $w::hugeint),"
        " mean($p::hugeint, $w::hugeint)",
        {"p": part, "w": whole},
    ).fetchone()
    if whole <= 0:
        assert row == (None, None, None)
        return
    assert row == (
        Decimal(half_up(part, whole, 1000)) / 10,
        Decimal(half_up(part, whole, 100)) / 100,
        half_up(part, whole, 1),
    )


@given(millionths=st.one_of(st.integers(-(10**13), 10**13), st.integers(-(10**22), 10**22)))
def test_money_is_counted_in_millionths(engine: duckdb.DuckDBPyConnection, millionths: int) -> None:
    amount = Decimal(millionths).scaleb(-6)
    row = engine.execute(
        "select micros($a::decimal(24,6)), money($m::hugeint)",
        {"a": format(amount, "f"), "m": millionths},
    ).fetchone()
    assert row == (millionths, amount)


@given(
    number=st.one_of(
        st.from_regex(r"\+?[0-9]{0,16}", fullmatch=True),
        st.text("0123456789+@a.*# ", max_size=14),
    ),
    digits=st.integers(0, 20),
)
def test_numbers_are_masked_as_everywhere(
    engine: duckdb.DuckDBPyConnection, number: str, digits: int
) -> None:
    row = engine.execute("select masked($n, $d)", {"n": number, "d": digits}).fetchone()
    assert row == (mask(number, digits),)
