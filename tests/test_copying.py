"""COPY's text format: whatever a value holds, it comes back as it went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.copying import copy_rows
from storage.database import Connection, Database, open_database

TEXT = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
) | st.sampled_from(
    ["None", "\\N", "\\", "a\tb", "a\nb", "\r", "\\.", "\\x4eone", "null", "NaN", ""]
)
ROWS = st.lists(
    st.tuples(
        TEXT,
        st.none() | TEXT,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.decimals(-(10**11), 10**11, places=6),
        st.none()
        | st.datetimes(
            datetime(1970, 1, 2), datetime(2200, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
        ),
    ),
    max_size=20,
)  # fmt: skip


@given(rows=ROWS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_what_is_copied_in_is_what_comes_out(dsn: str, rows: list[Any]) -> None:
    async with open_database(dsn, max_size=1) as database:  # each example has a loop of its own
        assert await database.unit_of_work(_there_and_back, rows) == rows


async def _there_and_back(connection: Connection, rows: list[tuple[object, ...]]) -> object:
    await connection.execute(
        """create temporary table odd (n serial, a text not null, b text, c bigint, d boolean,
           e numeric(18,6), f timestamptz) on commit drop"""
    )
    await copy_rows(connection, "odd", ("a", "b", "c", "d", "e", "f"), rows)
    return [
        tuple(row) for row in await connection.fetch("select a, b, c, d, e, f from odd order by n")
    ]


async def test_nothing_is_nothing(database: Database) -> None:
    assert await database.unit_of_work(_there_and_back, []) == []
    row = ("a", None, 1, True, Decimal("0.000000"), datetime(2026, 1, 1, tzinfo=UTC))
    assert await database.unit_of_work(_there_and_back, [row]) == [row]
