"""A zone's clock in the engine's SQL, with the very offsets Python's zone tables have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from storage.facts.ask import Ask

FIRST_ZONE_CHANGE = datetime(1990, 1, 1, tzinfo=UTC)


def naive(at: datetime) -> datetime:
    """An instant as the engine keeps it: UTC, without saying so."""
    return at.astimezone(UTC).replace(tzinfo=None)


def offset_of(ask: Ask, bounds: tuple[datetime, datetime]) -> str:
    """The zone's offset from UTC at `c.began`, as an interval, between the question's limits."""
    zone = ZoneInfo(ask.zone)
    first = max(ask.from_at or bounds[0], bounds[0], FIRST_ZONE_CHANGE)
    last = max(first, min(ask.until_at or bounds[1], bounds[1]))
    changes = _changes(zone, first, last)
    sql = _interval(zone, last)
    for before, at in reversed(changes):
        turn = f"timestamp '{naive(at):%Y-%m-%d %H:%M:%S}'"
        sql = f"case when c.began < {turn} then {before} else {sql} end"
    return f"({sql})"


def _interval(zone: ZoneInfo, at: datetime) -> str:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return f"to_seconds({int(offset.total_seconds())})"


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[str, datetime]]:
    """When the offset changes between two instants, and what it was before."""
    found: list[tuple[str, datetime]] = []
    at = first
    while at < last:
        then = min(at + timedelta(days=14), last)
        if _interval(zone, at) != _interval(zone, then):
            found.append((_interval(zone, at), _turn(zone, at, then)))
        at = then
    return found


def _turn(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of a new offset between two instants that differ in it."""
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    old = _interval(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _interval(zone, datetime.fromtimestamp(middle, UTC)) == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
