"""Legs, the calls they make, and the charges of those calls: stored together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, TypeVar

from rating.charge import CallRow, PricedCall
from storage import day_totals, ledger
from storage.copying import beside_the_loop, copy_rows, copy_text
from storage.database import Connection, notify_all
from telephony.legs import CmrRow, Leg
from telephony.merge import SAME_CALL_S, LinkKey
from telephony.money import ZERO

R = TypeVar("R", Leg, CmrRow)
INGEST_MUTEX = 0x52696E67
"""Advisory lock: one batch at a time, whoever brings it, so that no merge misses a leg."""

NOBODY = 0
"""Who is notified of the calls of an extension without an owner."""

_ROUNDS = 8
"""How far a chain of transfers is followed; each round is one more hop."""


class Replaced(NamedTuple):
    """How many calls there are more than before, how many changed, and by how much in all."""

    created: int
    changed: int
    difference: Decimal


class StoredBatch(NamedTuple):
    """What a batch of rows changed."""

    legs: int
    cmr: int
    calls: int


Settle = Callable[[Sequence[Leg]], list[PricedCall]]
Links = Callable[[Leg], list[LinkKey]]


async def store(
    connection: Connection,
    legs: Sequence[Leg],
    cmr: Sequence[CmrRow],
    settle: Settle,
    links: Links,
    *,
    leg_text: bytes | None = None,
) -> StoredBatch:
    """Store the rows not seen before, and settle anew every call they belong to.

    `settle` prices calls out of legs, `links` names what ties legs together; both are pure and
    run beside the event loop. Rows are recognised by `pkid`, for ever. `leg_text` are the same
    legs as COPY reads them, in case all of them are new.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", INGEST_MUTEX)
    new_cmr = await _unseen(connection, "cmr", cmr)
    if new_cmr:
        await copy_rows(connection, "cmr", CmrRow._fields, new_cmr)
    new_legs = await _unseen(connection, "leg", legs)
    if not new_legs:
        return StoredBatch(0, len(new_cmr), 0)
    links = _remembered(links)
    known = await _linked(connection, new_legs, links)
    # The database takes the legs in while a thread works out what they mean.
    settling = asyncio.ensure_future(
        beside_the_loop(lambda: _settled(known, new_legs, settle, links))
    )
    try:
        if leg_text is not None and len(new_legs) == len(legs):
            await copy_text(connection, "leg", Leg._fields, leg_text)
        else:
            await copy_rows(connection, "leg", Leg._fields, new_legs)
    finally:
        concerned, settled = await settling
    replaced = await _replace(connection, concerned, settled)
    return StoredBatch(len(new_legs), len(new_cmr), replaced.created)


async def resettle(
    connection: Connection, since: int, until: int, settle: Settle, links: Links
) -> Replaced:
    """Settle anew every call with a leg that began in [since, until), epoch seconds.

    For when the company or its tariffs were described after the calls came. Calls that come to
    the same are not touched.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", INGEST_MUTEX)
    records = await connection.fetch(_WITHIN, since, until)
    legs = [Leg(*record) for record in records]
    known = {leg.pkid: leg for leg in [*legs, *await _linked(connection, legs, links)]}
    return await _replace(
        connection,
        list(known),
        await beside_the_loop(
            lambda: [call for part in components(known.values(), links) for call in settle(part)]
        ),
    )


async def span(connection: Connection) -> tuple[int, int] | None:
    """When the first and the last stored leg began, epoch seconds; None without any."""
    row = await connection.fetchrow("select min(originated), max(originated) from leg")
    return (row[0], row[1]) if row and row[0] is not None else None


def _remembered(links: Links) -> Links:
    """`links`, asked once for each leg."""
    answers: dict[str, list[LinkKey]] = {}

    def remembered(leg: Leg) -> list[LinkKey]:
        keys = answers.get(leg.pkid)
        if keys is None:
            keys = answers[leg.pkid] = links(leg)
        return keys

    return remembered


def _settled(
    known: Sequence[Leg], new: Sequence[Leg], settle: Settle, links: Links
) -> tuple[list[str], list[PricedCall]]:
    """The known legs whose calls may change, and every call of the new legs and of those."""
    fresh = {leg.pkid for leg in new}
    concerned: list[str] = []
    calls: list[PricedCall] = []
    for component in components([*known, *new], links):
        old = [leg.pkid for leg in component if leg.pkid not in fresh]
        if len(old) < len(component):
            concerned += old
            calls += settle(component)
    return concerned, calls


async def _unseen(connection: Connection, table: str, rows: Sequence[R]) -> list[R]:
    """The rows whose pkid is not stored yet, each once."""
    first = {row.pkid: row for row in reversed(rows)}
    if not first:
        return []
    query = {
        "leg": "select pkid::text from leg where pkid = any($1::uuid[])",
        "cmr": "select pkid::text from cmr where pkid = any($1::uuid[])",
    }[table]
    seen = {record[0] for record in await connection.fetch(query, list(first))}
    return [row for row in rows if first[row.pkid] is row and row.pkid not in seen]


_LEG_COLUMNS = ", ".join(f"l.{name}" + ("::text" * (name == "pkid")) for name in Leg._fields)
_BY_CALL = f"""
    select {_LEG_COLUMNS}
    from unnest($1::text[], $2::int[], $3::bigint[]) k(cluster, node, call_no)
    join leg l on l.call_no = k.call_no and l.node = k.node and l.cluster = k.cluster
    where l.call_no <> 0
"""  # noqa: S608  # our own column names
_BY_TRUNK_LEG = f"""
    select {_LEG_COLUMNS} from unnest($1::text[], $2::bigint[]) k(cluster, leg)
    join leg l on l.orig_leg = k.leg and l.cluster = k.cluster
    where l.orig_leg <> 0 and l.orig_device not like 'SEP____________'
    union
    select {_LEG_COLUMNS} from unnest($1::text[], $2::bigint[]) k(cluster, leg)
    join leg l on l.dest_leg = k.leg and l.cluster = k.cluster
    where l.dest_leg <> 0 and l.dest_device not like 'SEP____________'
"""  # noqa: S608  # our own column names


_WITHIN = f"""
    select {_LEG_COLUMNS} from leg l where l.originated >= $1 and l.originated < $2
"""  # noqa: S608  # our own column names


async def _linked(connection: Connection, new: Sequence[Leg], links: Links) -> list[Leg]:
    """Stored legs that the new ones are tied to, directly or by way of others."""
    asked: set[LinkKey] = set()
    found: dict[str, Leg] = {}
    edge: Iterable[Leg] = new
    for _ in range(_ROUNDS):
        keys = {key for leg in edge for key in links(leg)} - asked
        if not keys:
            break
        asked |= keys
        records = await _fetch_linked(connection, keys)
        fresh = {leg.pkid: leg for leg in records if leg.pkid not in found}
        found |= fresh
        edge = fresh.values()
    return list(found.values())


async def _fetch_linked(connection: Connection, keys: set[LinkKey]) -> list[Leg]:
    calls = [key for key in keys if key[0] == "call"]
    trunks = [key for key in keys if key[0] == "leg"]
    records = await connection.fetch(
        _BY_CALL, [key[1] for key in calls], [key[2] for key in calls], [key[3] for key in calls]
    )
    if trunks:
        records += await connection.fetch(
            _BY_TRUNK_LEG, [key[1] for key in trunks], [key[3] for key in trunks]
        )
    return [Leg(*record) for record in records]


def components(legs: Iterable[Leg], links: Links) -> list[list[Leg]]:
    """Legs apart into sets that have nothing to do with each other.

    Legs that share an identifier but lie more than a day apart are strangers.
    """
    sharing: dict[LinkKey, list[int]] = {}
    listed = list(legs)
    for index, leg in enumerate(listed):
        for key in links(leg):
            sharing.setdefault(key, []).append(index)
    parent = list(range(len(listed)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for indices in sharing.values():
        if len(indices) > 1:
            for one, other in _neighbours(indices, listed):
                parent[root(other)] = root(one)
    groups: dict[int, list[Leg]] = {}
    for index, leg in enumerate(listed):
        groups.setdefault(root(index), []).append(leg)
    return list(groups.values())


def _neighbours(indices: list[int], legs: Sequence[Leg]) -> Iterator[tuple[int, int]]:
    """Pairs of legs that share an identifier and follow each other within a day."""
    indices = sorted(indices, key=lambda index: (legs[index].originated, legs[index].pkid))
    end = 0
    for one, other in pairwise(indices):
        end = max(end, legs[one].disconnected, legs[one].originated)
        if legs[other].originated - end <= SAME_CALL_S:
            yield one, other


_CALL_COLUMNS = ", ".join(name + ("::text" * (name == "key")) for name in CallRow._fields)
_STORED_ROWS = f"""
    select revision, {_CALL_COLUMNS} from call where key = any($1::uuid[]) order by key, party
"""  # noqa: S608  # our own column names


async def _replace(
    connection: Connection, known: Sequence[str], settled: Sequence[PricedCall]
) -> Replaced:
    """Make the stored calls of the legs concerned those in `settled`.

    A call that stays as it was is not touched. One that changes gets a new revision, its old
    charge is reversed and its new one posted.
    """
    stored = await _stored_rows(connection, known)
    revisions = await _last_revisions(connection, known)
    kept = {call.key for call in settled if stored.get(call.key) == call.rows}
    gone = [key for key in stored if key not in kept]
    entries: list[ledger.LedgerEntry] = []
    if gone:
        entries += await ledger.reversals(connection, gone)
        await connection.execute("delete from call where key = any($1::uuid[])", gone)
    changed = [call for call in settled if call.key not in kept]
    rows: list[tuple[object, ...]] = []
    for call in changed:
        revision = revisions.get(call.key, 0) + 1
        rows += [(revision, *row) for row in call.rows]
        if call.charge is not None:
            entries.append(ledger.charge_entry(call.key, revision, call.charge))
    await copy_rows(connection, "call", ("revision", *CallRow._fields), rows)
    await ledger.post(connection, entries)
    await day_totals.reopen(
        connection,
        {
            *(row.started_at for call in changed for row in call.rows),
            *(row.started_at for key in gone for row in stored[key]),
        },
    )
    people = {row.person_id or NOBODY for call in changed for row in call.rows}
    await notify_all(connection, "calls", people)
    return Replaced(
        created=len(settled) - len(stored),
        changed=len(changed),
        difference=sum((entry.amount for entry in entries), ZERO),
    )


async def _stored_rows(
    connection: Connection, keys: Sequence[str]
) -> dict[str, tuple[CallRow, ...]]:
    if not keys:
        return {}
    stored: dict[str, tuple[CallRow, ...]] = {}
    for record in await connection.fetch(_STORED_ROWS, keys):
        row = CallRow(*record[1:])
        stored[row.key] = (*stored.get(row.key, ()), row)
    return stored


async def _last_revisions(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    if not keys:
        return {}
    records = await connection.fetch(
        """
        select key::text, max(revision) from (
            select key, revision from call where key = any($1::uuid[])
            union all select call_key, revision from ledger where call_key = any($1::uuid[])
        ) known group by key
        """,
        keys,
    )
    return {record[0]: record[1] for record in records}


class CallView(NamedTuple):
    """A row of the call list, with the gateway's name."""

    key: str
    started_at: datetime
    direction: str
    extension: str | None
    payer: str | None
    number: str
    duration_s: int
    answered: bool
    cost: Decimal
    currency: str
    gateway: str | None
    destination: str
    unrated: bool


async def listing(
    connection: Connection,
    *,
    extension: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[CallView]:
    """Call rows, newest first; an internal call has one for each of its extensions."""
    records = await connection.fetch(
        """
        select c.key::text, c.started_at, c.direction, c.extension, c.payer, c.number, c.duration_s,
               c.answered, c.cost, c.currency, g.name, c.destination, c.unrated
        from call c left join gateway g on g.id = c.gateway_id
        where ($1::text is null or c.extension = $1)
          and ($2::timestamptz is null or c.started_at >= $2)
        order by c.started_at desc, c.key, c.party limit $3
        """,
        extension,
        since,
        limit,
    )
    return [CallView(*record) for record in records]


async def unrated(connection: Connection) -> int:
    """How many answered calls no rate covered."""
    return int(await connection.fetchval("select count(*) from call where unrated"))


async def unknown_trunks(connection: Connection) -> list[tuple[str, int]]:
    """Devices that unrated calls went over and no gateway names, the busiest first."""
    rows = await connection.fetch(
        """
        select l.dest_device, count(*)::int from call c join leg l on l.pkid = c.key
        where c.unrated and c.gateway_id is null and l.dest_device <> ''
        group by 1 order by 2 desc, 1 limit 5
        """
    )
    return [(row[0], row[1]) for row in rows]
