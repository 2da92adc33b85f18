"""The company's network in the database: sites, gateways and who owned which extension when.

Read whole into a `Plant`, which is small (hundreds of rows) and is used for every call; whoever
keeps one reads it again when the topic `company` is notified. `storage.company_apply` changes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Connection
from telephony.errors import RingfenceError
from telephony.plant import ExtensionKey, Gateway, Owner, Ownership, Plant, Site


class NoCompany(RingfenceError):
    """Nobody has applied a site file yet."""


@dataclass(frozen=True, slots=True)
class Company:
    """The one company of this database, with its default zone; `demo` marks invented data."""

    currency: str
    time_zone: str
    demo: bool


async def company(connection: Connection) -> Company | None:
    """The company, or None before the first site file."""
    row = await connection.fetchrow("select currency, time_zone, demo from company")
    return Company(row["currency"], row["time_zone"], row["demo"]) if row else None


async def load_plant(connection: Connection) -> Plant:
    """The network as this transaction sees it; `NoCompany` before the first site file."""
    found = await company(connection)
    if found is None:
        raise NoCompany("no company yet: describe it in a site file and run `ringfence apply FILE`")
    sites = await _sites(connection)
    return Plant(
        currency=found.currency,
        time_zone=found.time_zone,
        sites=sites,
        gateways=await _gateways(connection),
        ownerships=await _ownerships(connection, next(iter(sites), 0)),
        logins=await _logins(connection),
    )


async def _sites(connection: Connection) -> dict[int, Site]:
    rows = await connection.fetch(
        """select id, name, country, time_zone, area_code, outside_prefix, emergency
           from site order by position, id"""
    )
    return {
        row["id"]: Site(
            id=row["id"],
            name=row["name"],
            country=row["country"],
            time_zone=row["time_zone"],
            area_code=row["area_code"],
            outside_prefix=row["outside_prefix"],
            emergency=tuple(row["emergency"]),
        )
        for row in rows
    }


async def _gateways(connection: Connection) -> tuple[Gateway, ...]:
    rows = await connection.fetch(
        "select id, device, name, site_id, kind, tariff_id from gateway order by position, id"
    )
    return tuple(
        Gateway(
            id=row["id"],
            device=row["device"],
            name=row["name"],
            site_id=row["site_id"],
            kind=row["kind"],
            tariff_id=row["tariff_id"],
        )
        for row in rows
    )


async def _ownerships(connection: Connection, default_site: int) -> tuple[Ownership, ...]:
    """Everybody's extensions, past owners too; who has no site is counted at the default one."""
    rows = await connection.fetch(
        """select o.extension, o.partition, o.from_at, o.until_at, p.id as person_id,
                  coalesce(p.site_id, $1) as site_id, p.department, p.cost_centre, p.office,
                  p.unit_id
           from extension_owner o join person p on p.id = o.person_id
           order by o.extension, o.partition, o.from_at nulls first, o.id""",
        default_site,
    )
    return tuple(
        Ownership(
            extension=ExtensionKey(row["extension"], row["partition"]),
            owner=Owner(
                person_id=row["person_id"],
                site_id=row["site_id"],
                department=row["department"],
                cost_centre=row["cost_centre"],
                office=row["office"],
                unit_id=row["unit_id"],
            ),
            from_at=row["from_at"],
            until_at=row["until_at"],
        )
        for row in rows
    )


async def _logins(connection: Connection) -> dict[str, ExtensionKey]:
    """Each person's lowest present extension by login, for records that name the person only."""
    rows = await connection.fetch(
        """select distinct on (p.id) lower(p.login) as login, o.extension, o.partition
             from person p join extension_owner o on o.person_id = p.id
            where (o.from_at is null or o.from_at <= now())
              and (o.until_at is null or o.until_at > now())
            order by p.id, length(o.extension), o.extension, o.partition"""
    )
    return {row["login"]: ExtensionKey(row["extension"], row["partition"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored already, so that a site file can be checked against it before anything runs.

    Names are as stored; logins are lower case.
    """

    company: Company | None = None
    sites: frozenset[str] = frozenset()
    tariffs: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    cost_centres: frozenset[str] = frozenset()


async def known(connection: Connection) -> Known:
    """The names a site file may refer to without describing them itself."""
    people = await connection.fetch(
        "select login, department, cost_centre from person where disabled_at is null"
    )
    return Known(
        company=await company(connection),
        sites=frozenset(row["name"] for row in await connection.fetch("select name from site")),
        tariffs=frozenset(row["name"] for row in await connection.fetch("select name from tariff")),
        logins=frozenset(row["login"].lower() for row in people),
        departments=frozenset(row["department"] for row in people),
        cost_centres=frozenset(row["cost_centre"] for row in people),
    )


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """The encoded hashes of one person; None where there is none."""

    password_hash: str | None
    pin_hash: str | None


async def stored_secrets(connection: Connection) -> dict[str, StoredSecrets]:
    """Everybody's hashes by login in lower case, so that `apply` rehashes only what is new."""
    rows = await connection.fetch("select login, password_hash, pin_hash from person")
    return {
        row["login"].lower(): StoredSecrets(row["password_hash"], row["pin_hash"]) for row in rows
    }
