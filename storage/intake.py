"""One batch of a call-record file, in one transaction: rows, calls, charges, balances, progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage import calls, files
from storage.calls import Links, Replaced, Settle, StoredBatch
from storage.database import Connection
from storage.files import Reject
from telephony.errors import RingfenceError
from telephony.legs import CmrRow, Leg


class StaleCompany(RingfenceError):
    """The company changed since the caller loaded it: load it anew and bring the batch again."""


class Batch(NamedTuple):
    """Consecutive rows of a file. `lines_done` counts all lines up to the last of them."""

    lines_done: int
    rows: int
    legs: Sequence[Leg]
    cmr: Sequence[CmrRow]
    rejects: Sequence[Reject]
    last: bool
    leg_text: bytes | None = None
    """The legs as COPY reads them, where somebody had the time to write that already."""


class TakenBatch(NamedTuple):
    """What storing a batch changed; `rejected` counts rows newly set aside."""

    stored: StoredBatch
    rejected: int


async def take(
    connection: Connection,
    file_id: int,
    batch: Batch,
    company_revision: int,
    settle: Settle,
    links: Links,
) -> TakenBatch:
    """Store a batch and note the progress. Raises `StaleCompany` before anything is changed."""
    await _check_company(connection, company_revision)
    stored = await calls.store(
        connection, batch.legs, batch.cmr, settle, links, leg_text=batch.leg_text
    )
    rejected = await files.advance(
        connection,
        file_id,
        batch.lines_done,
        batch.rows,
        stored.legs + stored.cmr,
        batch.rejects,
        done=batch.last,
    )
    return TakenBatch(stored, rejected)


async def retake(
    connection: Connection,
    file_id: int,
    lines: Sequence[int],
    legs: Sequence[Leg],
    cmr: Sequence[CmrRow],
    company_revision: int,
    settle: Settle,
    links: Links,
) -> StoredBatch:
    """Store rows of a file that were set aside before and can be read now."""
    await _check_company(connection, company_revision)
    stored = await calls.store(connection, legs, cmr, settle, links)
    await files.resolve(connection, file_id, lines)
    return stored


async def _check_company(connection: Connection, revision: int) -> None:
    now = await connection.fetchval("select coalesce(max(revision), 0) from company")
    if now != revision:
        raise StaleCompany("the company changed meanwhile")


async def resettle(
    connection: Connection,
    since: int,
    until: int,
    company_revision: int,
    settle: Settle,
    links: Links,
) -> Replaced:
    """`calls.resettle` with the company as it stands; `StaleCompany` before anything is changed."""
    await _check_company(connection, company_revision)
    return await calls.resettle(connection, since, until, settle, links)
