"""The trace of a stored call: worked out again from its row and its tariff version.

Nothing of a trace is stored. Versions never change, so it says today what it said then; the site's
dial plan and its caller may have changed meanwhile, and then the trace says so by another total.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from rating.trace import Trace, trace
from storage.company import load_plant
from storage.database import Connection
from storage.tariffs import load_version
from telephony.numbers import Number, normalise
from telephony.plant import Plant, Site

_NOT_PRICED = {
    "incoming": "An incoming call: it costs nothing here.",
    "internal": "An internal call: it costs nothing.",
}


class StoredTrace(NamedTuple):
    """A call's trace beside its stored cost. `same` says that both totals agree."""

    trace: Trace
    stored_cost: Decimal
    same: bool


async def call_trace(connection: Connection, key: UUID) -> StoredTrace | None:
    """Why a stored call cost what it cost; None where no call has this key.

    The dial plan is that of the caller's site, else of the gateway's, as when it was priced.
    """
    row = await connection.fetchrow(
        """select c.number, c.e164, c.direction, c.started_at, c.call_duration_s as duration_s,
                  c.answered, c.gateway_id, c.site_id, c.tariff_version_id, c.cost, c.currency
           from call c
           where c.key = $1 order by c.party limit 1""",
        key,
    )
    if row is None:
        return None
    plant = await load_plant(connection)
    site = dial_site(row, plant)
    number = number_as_read(row, site)
    version = None
    if row["tariff_version_id"] is not None:
        version = await load_version(connection, row["tariff_version_id"], number)
    explained = trace(
        version,
        number,
        row["started_at"],
        row["duration_s"],
        row["answered"],
        site,
        row["currency"],
    )
    if version is None and (reason := _not_priced(row, plant)):
        explained = explained.free(reason)
    return StoredTrace(explained, row["cost"], explained.charge.cost == row["cost"])


def _not_priced(row: Record, plant: Plant) -> str:
    """Why no price list was asked about the call; empty where one should have been."""
    if reason := _NOT_PRICED.get(row["direction"]):
        return reason
    gateway = next((g for g in plant.gateways if g.id == row["gateway_id"]), None)
    if gateway is None:
        return "A call through no known gateway: it is not priced."
    return f"Calls through {gateway.name} ({gateway.kind}) are free." * (gateway.kind != "pstn")


def dial_site(row: Record, plant: Plant) -> Site:
    """Whose dial plan read a call's number: the caller's `site_id`, else the `gateway_id`'s."""
    sites = plant.sites
    if row["site_id"] in sites:
        return sites[row["site_id"]]
    gateway = next((g for g in plant.gateways if g.id == row["gateway_id"]), None)
    if gateway is not None and gateway.site_id in sites:
        return sites[gateway.site_id]
    return plant.default_site or Site(0, "", "", plant.time_zone)


def number_as_read(row: Record, site: Site) -> Number:
    """The number as it was read then: the stored E.164 tells which way."""
    raw, e164 = row["number"], row["e164"]
    readings = [normalise(raw, site), normalise(raw, site, outpulsed=True)]
    for reading in readings:
        if reading.e164 == e164:
            return reading
    known = normalise(e164, site)
    return known._replace(raw=raw, steps=(f"stored as {e164}",)) if e164 else readings[0]
