"""Making the company what a site file asks for, in one transaction, saying what changed.

Everything is compared before it is written, so that a second run writes nothing. What the file
does not name stays: people leave only with `prune`, and then are disabled, never deleted, since
what they spent stays theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from storage.budget_accounts import hold_ledger_still
from storage.company import company
from storage.company_money import apply_budgets, apply_tariffs, differences, shown
from storage.database import Connection, StorageConflict, notify, notify_all
from storage.people_admin import name_custom_fields
from storage.wanted import Change, Wanted, WantedGateway, WantedPerson, WantedSite
from telephony.plant import ExtensionKey


class DryRun(Exception):
    """Raised at the end of a dry run, so that its transaction is rolled back."""

    def __init__(self, changes: list[Change]) -> None:
        super().__init__("dry run")
        self.changes = changes


async def apply(
    connection: Connection,
    wanted: Wanted,
    now: datetime,
    *,
    prune: bool = False,
    dry_run: bool = False,
) -> list[Change]:
    """Make the company what `wanted` says; what changed, in the order it was done.

    Raises `StorageConflict` where the file contradicts what is stored (a currency with calls in
    another, a gateway at a site nobody knows), and `DryRun`, with the changes, where asked.
    """
    await connection.execute("select pg_advisory_xact_lock(hashtext('ringfence apply'))")
    if wanted.people or wanted.budgets:
        await hold_ledger_still(connection)  # before any row is locked
    changes = await _company(connection, wanted)
    for number, old, new in await name_custom_fields(connection, wanted.custom_fields):
        details = f"{shown(old)} -> {shown(new)}"
        changes.append(Change("~", "custom field", str(number), details))
    changes += await _sites(connection, wanted.sites)
    changes += await apply_tariffs(connection, wanted.tariffs, now)
    changes += await _gateways(connection, wanted.gateways)
    changes += await _people(connection, wanted.people, now)
    if prune and wanted.people:
        changes += await _prune(connection, wanted.people, now)
    changes += await apply_budgets(connection, wanted, now)
    if dry_run:
        raise DryRun(changes)
    if changes:
        await notify(connection, "company", "-")
        await notify(connection, "due", "-")
    return changes


# The company itself ------------------------------------------------------------------------------


async def _company(connection: Connection, wanted: Wanted) -> list[Change]:
    found = await company(connection)
    if found is None:
        return await _first_company(connection, wanted)
    after = {
        "currency": wanted.currency or found.currency,
        "time_zone": wanted.time_zone or found.time_zone,
    }
    details = differences({"currency": found.currency, "time_zone": found.time_zone}, after)
    if not details:
        return []
    if after["currency"] != found.currency:
        await _change_currency(connection, found.currency, after["currency"])
    await connection.execute(
        "update company set time_zone = $1, revision = revision + 1", after["time_zone"]
    )
    return [Change("~", "company", after["currency"], details)]


async def _first_company(connection: Connection, wanted: Wanted) -> list[Change]:
    if wanted.currency is None:
        raise StorageConflict('no company yet: say `currency = "EUR"` at the top of the site file')
    if not wanted.sites:
        raise StorageConflict("no company yet: the first site file needs at least one [[site]]")
    zone = wanted.time_zone or wanted.sites[0].time_zone
    await connection.execute(
        "insert into company (currency, time_zone) values ($1, $2)", wanted.currency, zone
    )
    return [Change("+", "company", wanted.currency, f"time_zone {zone}")]


async def _change_currency(connection: Connection, old: str, new: str) -> None:
    """Amounts are not converted, so this is allowed only while no call carries one."""
    if await connection.fetchval("select exists (select from call)"):
        raise StorageConflict(
            f"the company's currency is {old} and calls are stored in it: it cannot become {new}"
        )
    for table in ("company", "tariff", "budget"):
        await connection.execute(f"update {table} set currency = $1", new)  # noqa: S608 - our names


# Sites and gateways ------------------------------------------------------------------------------


async def _sites(connection: Connection, wanted: Sequence[WantedSite]) -> list[Change]:
    rows = await connection.fetch("select * from site order by position, id")
    found = {row["name"]: dict(row) for row in rows}
    changes: list[Change] = []
    order = _order([row["name"] for row in rows], [site.name for site in wanted])
    for site in wanted:
        after = {
            "country": site.country,
            "area_code": site.area_code,
            "time_zone": site.time_zone,
            "outside_prefix": site.outside_prefix,
            "emergency": list(site.emergency),
            "language": site.language,
            "masked_digits": site.masked_digits,
        }
        if site.name not in found:
            await _insert(
                connection, "site", {"name": site.name, "position": order[site.name], **after}
            )
            changes.append(Change("+", "site", site.name))
        elif details := differences(found[site.name], after):
            await _update(connection, "site", found[site.name]["id"], after)
            changes.append(Change("~", "site", site.name, details))
    changes += await _reorder(connection, "site", rows, "name", order)
    return changes


async def _gateways(connection: Connection, wanted: Sequence[WantedGateway]) -> list[Change]:
    sites = await _ids(connection, "site")
    tariffs = await _ids(connection, "tariff")
    rows = await connection.fetch(
        """select g.*, s.name as site, t.name as tariff from gateway g
           join site s on s.id = g.site_id left join tariff t on t.id = g.tariff_id
           order by g.position, g.id"""
    )
    found = {row["device"]: dict(row) for row in rows}
    order = _order([row["device"] for row in rows], [gateway.device for gateway in wanted])
    changes: list[Change] = []
    for gateway in wanted:
        after = {
            "name": gateway.name,
            "site": gateway.site,
            "kind": gateway.kind,
            "tariff": gateway.tariff,
        }
        stored = {
            "name": gateway.name,
            "site_id": _known(sites, gateway.site, "site", f"gateway {gateway.device}"),
            "kind": gateway.kind,
            "tariff_id": gateway.tariff
            and _known(tariffs, gateway.tariff, "tariff", f"gateway {gateway.device}"),
        }
        if gateway.device not in found:
            position = order[gateway.device]
            row = {"device": gateway.device, "position": position, **stored}
            await _insert(connection, "gateway", row)
            changes.append(Change("+", "gateway", gateway.device))
        elif details := differences(found[gateway.device], after):
            await _update(connection, "gateway", found[gateway.device]["id"], stored)
            changes.append(Change("~", "gateway", gateway.device, details))
    changes += await _reorder(connection, "gateway", rows, "device", order)
    return changes


def _order(stored: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    """Positions: the file's order where it names everything stored, else new ones come last."""
    given = set(wanted)
    if given.issuperset(stored):
        names = list(wanted)
    else:
        names = [*stored, *(name for name in wanted if name not in set(stored))]
    return {name: position for position, name in enumerate(names)}


async def _reorder(
    connection: Connection, table: str, rows: Iterable[Any], key: str, order: Mapping[str, int]
) -> list[Change]:
    moved = [row for row in rows if row["position"] != order[row[key]]]
    for row in moved:
        await _update(connection, table, row["id"], {"position": order[row[key]]})
    return [Change("~", table, row[key], f"position {order[row[key]] + 1}") for row in moved]


# People ------------------------------------------------------------------------------------------


async def _people(
    connection: Connection, wanted: Sequence[WantedPerson], now: datetime
) -> list[Change]:
    sites = await _ids(connection, "site")
    rows = await connection.fetch("select * from person")
    found = {row["login"].lower(): dict(row) for row in rows}
    changes: list[Change] = []
    ids: dict[str, int] = {}
    for person in wanted:
        row = found.get(person.login.lower())
        site = _site_of(person, sites)
        ids[person.login] = row["id"] if row else await _add_person(connection, person, site)
        if row is None:
            changes.append(Change("+", "person", person.login))
        elif details := await _change_person(connection, person, site, row, sites):
            changes.append(Change("~", "person", person.login, details))
    changes += await _extensions(connection, wanted, ids, now)
    return changes


def _site_of(person: WantedPerson, sites: Mapping[str, int]) -> int | None:
    if person.site is not None:
        return _known(sites, person.site, "site", f"person {person.login}")
    return sites.get(person.office, next(iter(sites.values()), None))


def _columns(person: WantedPerson, custom: Sequence[str] = ("",) * 10) -> dict[str, Any]:
    """What the file says of a person; `custom` are the free fields they have."""
    columns: dict[str, Any] = {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "department": person.department,
        "cost_centre": person.cost_centre,
        "office": person.office,
        "role": person.role,
        "scope": person.scope,
    }
    for name in ("language", "masked_digits"):
        if (value := getattr(person, name)) is not None:
            columns[name] = value
    named = zip_longest(person.custom, custom)
    return columns | {"custom": [has if says is None else says for says, has in named]}


def _apart(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Each free field under a name of its own."""
    custom = {f"custom_{number}": text for number, text in enumerate(columns["custom"], 1)}
    return {name: value for name, value in columns.items() if name != "custom"} | custom


def _secrets(person: WantedPerson) -> dict[str, str]:
    hashes = {"password_hash": person.password_hash, "pin_hash": person.pin_hash}
    return {name: value for name, value in hashes.items() if value is not None}


async def _add_person(connection: Connection, person: WantedPerson, site: int | None) -> int:
    row = {"login": person.login, "site_id": site, **_columns(person), **_secrets(person)}
    return await _insert(connection, "person", row)


async def _change_person(
    connection: Connection,
    person: WantedPerson,
    site: int | None,
    row: Mapping[str, Any],
    sites: Mapping[str, int],
) -> str:
    """Write what differs and say it; secrets are named, never shown."""
    columns = _columns(person, row["custom"])
    details = [differences(_apart(row), _apart(columns))]
    if row["site_id"] != site:
        names = {number: name for name, number in sites.items()}
        details.append(f"site {shown(names.get(row['site_id']))} -> {shown(names.get(site or 0))}")
    details += [f"{name.removesuffix('_hash')} set" for name in _secrets(person)]
    if row["disabled_at"] is not None:
        details.append("enabled again")
    said = ", ".join(part for part in details if part)
    if said:
        after = {**columns, **_secrets(person), "site_id": site, "disabled_at": None}
        after["disabled_by"] = None
        await _update(connection, "person", row["id"], after)
    return said


async def _extensions(
    connection: Connection, wanted: Sequence[WantedPerson], ids: Mapping[str, int], now: datetime
) -> list[Change]:
    """Close what ends before opening what begins, so that two people can swap extensions."""
    rows = await connection.fetch(
        """select o.id, o.extension, o.partition, o.person_id, p.login from extension_owner o
           join person p on p.id = o.person_id where o.until_at is null"""
    )
    owners = {ExtensionKey(row["extension"], row["partition"]): row for row in rows}
    logins = {ids[person.login]: person for person in wanted}
    takers = {person.extension: ids[person.login] for person in wanted if person.extension}
    changes: list[Change] = []
    for key, row in owners.items():
        stays = logins[row["person_id"]].extension == key if row["person_id"] in logins else True
        if not stays or takers.get(key, row["person_id"]) != row["person_id"]:
            await connection.execute(
                "update extension_owner set until_at = $2 where id = $1", row["id"], now
            )
            changes.append(Change("-", "extension", str(key), f"no longer {row['login']}'s"))
    for key, person_id in takers.items():
        if key not in owners or owners[key]["person_id"] != person_id:
            await _open(connection, key, person_id, now)
            changes.append(Change("+", "extension", str(key), f"now {logins[person_id].login}'s"))
    return changes


async def _open(connection: Connection, key: ExtensionKey, person_id: int, now: datetime) -> None:
    """The first owner ever has an extension from the beginning of time, a later one from now."""
    await connection.execute(
        """insert into extension_owner (extension, partition, person_id, from_at)
           values ($1, $2, $3, case when exists (
               select from extension_owner where extension = $1 and partition = $2
           ) then $4::timestamptz end)""",
        key.number,
        key.partition,
        person_id,
        now,
    )


async def _prune(
    connection: Connection, wanted: Sequence[WantedPerson], now: datetime
) -> list[Change]:
    """Disable who is absent from the file; their sessions and their extensions end now.

    Whoever the directory brought is the directory's to disable.
    """
    rows = await connection.fetch(
        """update person set disabled_at = $2, disabled_by = 'administrator'
           where disabled_at is null and source = 'local' and lower(login) <> all($1::text[])
           returning id, login""",
        [person.login.lower() for person in wanted],
        now,
    )
    gone = [row["id"] for row in rows]
    await _somebody_administers(connection, gone)
    await connection.execute("delete from session where person_id = any($1::integer[])", gone)
    await notify_all(connection, "session", gone)
    await connection.execute(
        """update extension_owner set until_at = $2
           where person_id = any($1::integer[]) and until_at is null""",
        gone,
        now,
    )
    return [Change("-", "person", row["login"], "disabled") for row in rows]


async def _somebody_administers(connection: Connection, gone: Sequence[int]) -> None:
    """Refuse to disable the last administrator: nobody could sign in to undo it."""
    rows = await connection.fetch(
        "select id, disabled_at from person where role = 'administrator' order by id"
    )
    left = [row["id"] for row in rows if row["disabled_at"] is None]
    if not left and any(row["id"] in gone for row in rows):
        raise StorageConflict("--prune would leave no administrator: name one in the site file")


# Rows --------------------------------------------------------------------------------------------


async def _ids(connection: Connection, table: str) -> dict[str, int]:
    rank = "position, id" if table == "site" else "id"
    rows = await connection.fetch(f"select id, name from {table} order by {rank}")  # noqa: S608 - our names
    return {row["name"]: row["id"] for row in rows}


def _known(ids: Mapping[str, int], name: str, what: str, where: str) -> int:
    if name not in ids:
        raise StorageConflict(f"{where} names the {what} {name!r}, which nobody has described")
    return ids[name]


async def _insert(connection: Connection, table: str, row: Mapping[str, Any]) -> int:
    names = ", ".join(row)
    values = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    return await connection.fetchval(
        f"insert into {table} ({names}) values ({values}) returning id",  # noqa: S608 - our names
        *row.values(),
    )


async def _update(connection: Connection, table: str, row_id: int, row: Mapping[str, Any]) -> None:
    sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(row, 2))
    await connection.execute(
        f"update {table} set {sets} where id = $1",  # noqa: S608 - our names
        row_id,
        *row.values(),
    )
