"""Price lists in the database: versions that never change, read into a `TariffBook`.

Importing other rates for the same instant supersedes a version and keeps it, so that the trace of
a call priced by it can still be given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asyncpg import Record

from rating.tariff import Rate, TariffBook, TariffVersion, make_rate
from storage.copying import copy_rows
from storage.database import Connection, StorageConflict, notify
from telephony.numbers import Number

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a tariff's first version is valid where nobody says: old calls are priced too."""

_RATE_COLUMNS = (
    "version_id", "position", "prefix", "destination", "type", "connect_fee", "price_per_minute",
    "initial_s", "increment_s", "free_s", "minimum_charge", "days", "from_time", "to_time",
)  # fmt: skip
_RATES = f"""
    select {", ".join(_RATE_COLUMNS[2:])} from rate
    where version_id = $1 and ($2::text[] is null or prefix = any($2)) order by position
"""  # noqa: S608 - our own column names
_CHUNK = 2000
"""Rates read or written before other tasks get their turn."""


class ImportResult(NamedTuple):
    """What an import did. `changed` is False where this very version was there already."""

    changed: bool
    version_id: int
    rates: int
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class TariffListing:
    """One current version of a tariff; `gateways` are the names of those that use the tariff."""

    name: str
    currency: str
    version_id: int
    valid_from: datetime
    rates: int
    imported_at: datetime
    gateways: tuple[str, ...]


async def import_version(
    connection: Connection,
    name: str,
    currency: str,
    valid_from: datetime | None,
    rates: Sequence[Rate],
    sha256: str,
    *,
    now: datetime | None = None,
) -> ImportResult:
    """Store `rates` as the version of tariff `name` valid from an instant; the tariff is made.

    `sha256` is the file's: the same file for the same instant changes nothing. `valid_from` None
    means the version valid at `now`, if it is this file's; else from `now` on, and for a tariff's
    first version from always. `StorageConflict` where the tariff has another currency. Notifies
    `company`.
    """
    tariff_id = await _tariff(connection, name, currency)
    when = valid_from or await _start(connection, tariff_id, sha256, now or datetime.now(UTC))
    current = await connection.fetchrow(
        """select id, sha256, rates from tariff_version
           where tariff_id = $1 and valid_from = $2 and superseded_at is null""",
        tariff_id,
        when,
    )
    if current and current["sha256"] == sha256:
        return ImportResult(False, current["id"], current["rates"], when)
    if current:
        await connection.execute(
            "update tariff_version set superseded_at = now() where id = $1", current["id"]
        )
    version_id = await connection.fetchval(
        """insert into tariff_version (tariff_id, valid_from, sha256, rates)
           values ($1, $2, $3, $4) returning id""",
        tariff_id,
        when,
        sha256,
        len(rates),
    )
    await _copy(connection, version_id, rates)
    await notify(connection, "company", "-")
    return ImportResult(True, version_id, len(rates), when)


async def _tariff(connection: Connection, name: str, currency: str) -> int:
    """The tariff's id, its row held for this transaction: one import of a tariff at a time."""
    await connection.execute(
        "insert into tariff (name, currency) values ($1, $2) on conflict (name) do nothing",
        name,
        currency,
    )
    row = await connection.fetchrow(
        "select id, currency from tariff where name = $1 for update", name
    )
    if row is None or row["currency"] != currency:
        known = row["currency"] if row else "none"
        raise StorageConflict(f"tariff {name} is in {known}, not {currency}: choose another name")
    return row["id"]


async def _start(connection: Connection, tariff_id: int, sha256: str, now: datetime) -> datetime:
    """From when a version is valid whose instant nobody gave."""
    rows = await connection.fetch(
        """select valid_from, sha256 from tariff_version
           where tariff_id = $1 and superseded_at is null order by valid_from desc""",
        tariff_id,
    )
    if not rows:
        return ALWAYS
    valid = next((row for row in rows if row["valid_from"] <= now), None)
    return valid["valid_from"] if valid and valid["sha256"] == sha256 else now


async def _copy(connection: Connection, version_id: int, rates: Sequence[Rate]) -> None:
    for start in range(0, len(rates), _CHUNK):
        chunk = enumerate(rates[start : start + _CHUNK], start)
        await copy_rows(
            connection, "rate", _RATE_COLUMNS, (_row(version_id, at, rate) for at, rate in chunk)
        )


def _row(version_id: int, position: int, rate: Rate) -> tuple[object, ...]:
    band = rate.band
    return (
        version_id,
        position,
        rate.prefix,
        rate.destination,
        rate.type,
        rate.connect_fee,
        rate.price_per_minute,
        rate.initial_s,
        rate.increment_s,
        rate.free_s,
        rate.minimum_charge,
        band.days_text if band else "",
        band.from_text if band else "",
        band.to_text if band else "",
    )


async def load_book(connection: Connection, known: TariffBook | None = None) -> TariffBook:
    """Every current version of every tariff. Versions of `known` are not read again.

    A version never changes, so whoever keeps a book passes it in and pays for news alone.
    """
    rows = await connection.fetch(
        """select v.id, v.tariff_id, t.name, t.currency, v.valid_from
           from tariff_version v join tariff t on t.id = v.tariff_id
           where v.superseded_at is null"""
    )
    shared: dict[Any, Any] = {}
    versions: list[TariffVersion] = []
    for row in rows:
        version = known.by_id(row["id"]) if known else None
        if version and (version.tariff, version.currency) != (row["name"], row["currency"]):
            version = replace(version, tariff=row["name"], currency=row["currency"])
        versions.append(version or await _read(connection, row, shared))
    return TariffBook.of(versions)


async def load_version(
    connection: Connection, version_id: int, number: Number | None = None
) -> TariffVersion | None:
    """One version, superseded or not; None where there is none with this id.

    With a `number` the rates that could concern it are read alone, out of however many.
    """
    row = await connection.fetchrow(
        """select v.id, v.tariff_id, t.name, t.currency, v.valid_from
           from tariff_version v join tariff t on t.id = v.tariff_id where v.id = $1""",
        version_id,
    )
    return await _read(connection, row, {}, number) if row else None


async def version_at(
    connection: Connection, tariff_id: int, connected_at: datetime, number: Number | None = None
) -> TariffVersion | None:
    """The current version valid at an instant, read like `load_version`; None before the first."""
    version_id = await connection.fetchval(
        """select id from tariff_version
           where tariff_id = $1 and valid_from <= $2 and superseded_at is null
           order by valid_from desc limit 1""",
        tariff_id,
        connected_at,
    )
    return await load_version(connection, version_id, number) if version_id else None


async def _read(
    connection: Connection,
    version: Record,
    shared: dict[Any, Any],
    number: Number | None = None,
) -> TariffVersion:
    rates: list[Rate] = []
    async for row in connection.cursor(
        _RATES, version["id"], _prefixes(number) if number else None, prefetch=_CHUNK
    ):
        rates.append(_rate(row, shared))
        if len(rates) % _CHUNK == 0:
            await asyncio.sleep(0)
    return TariffVersion.of(
        rates,
        id=version["id"],
        tariff_id=version["tariff_id"],
        tariff=version["name"],
        currency=version["currency"],
        valid_from=version["valid_from"],
    )


def _prefixes(number: Number) -> list[str]:
    digits = number.rated_as
    return [*(digits[:length] for length in range(1, len(digits) + 1)), number.dialled]


def _rate(row: Record, shared: dict[Any, Any]) -> Rate:
    """A rate whose prices and names are shared with every equal one: lists repeat them a lot."""
    prefix, destination, kind, fee, price, initial, increment, free, minimum, *band = row
    return make_rate(
        prefix,
        shared.setdefault(destination, destination),
        shared.setdefault(kind, kind),
        connect_fee=shared.setdefault(fee, fee),
        price_per_minute=shared.setdefault(price, price),
        initial_s=initial,
        increment_s=increment,
        free_s=free,
        minimum_charge=shared.setdefault(minimum, minimum),
        days=band[0],
        from_time=band[1],
        to_time=band[2],
    )


async def listing(connection: Connection) -> list[TariffListing]:
    """Every current version, by tariff name and instant."""
    rows = await connection.fetch(
        """select t.name, t.currency, v.id, v.valid_from, v.rates, v.imported_at,
                  array(select g.name from gateway g where g.tariff_id = t.id
                        order by g.position, g.id) as gateways
           from tariff t join tariff_version v on v.tariff_id = t.id
           where v.superseded_at is null order by lower(t.name), t.name, v.valid_from"""
    )
    return [
        TariffListing(
            name=row["name"],
            currency=row["currency"],
            version_id=row["id"],
            valid_from=row["valid_from"],
            rates=row["rates"],
            imported_at=row["imported_at"],
            gateways=tuple(row["gateways"]),
        )
        for row in rows
    ]


async def names(connection: Connection) -> dict[int, str]:
    """The name of every tariff by its id, those without a version too."""
    return {row["id"]: row["name"] for row in await connection.fetch("select id, name from tariff")}
