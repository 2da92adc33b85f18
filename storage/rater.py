"""The company as calls are merged and priced by it, read in one piece."""

from __future__ import annotations

from typing import NamedTuple

from rating.charge import Rater
from storage import company, tariffs
from storage.database import Connection
from telephony.plant import Plant


class LoadedRater(NamedTuple):
    """A rater and the revision of the company that it was made from; 0 before the first one."""

    revision: int
    rater: Rater


async def load(connection: Connection, before: LoadedRater | None = None) -> LoadedRater:
    """Read the company and its tariffs; price lists that `before` knows are not read again.

    Before the first site file there are no gateways: every call is stored, and costs nothing.
    """
    revision = await connection.fetchval("select revision from company")
    book = await tariffs.load_book(connection, before.rater.book if before else None)
    if revision is None:
        return LoadedRater(0, Rater(NOBODY, book))
    return LoadedRater(revision, Rater(await company.load_plant(connection), book))


NOBODY = Plant(currency="EUR", time_zone="UTC", sites={}, gateways=(), ownerships=())
"""The network of a company that nobody has described yet."""
