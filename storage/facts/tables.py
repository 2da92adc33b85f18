"""What the analytic copy holds, and how each of its tables is read out of the books.

Columns are named alike on both sides. Instants are UTC without a zone, as the engine knows none.
"""

from __future__ import annotations

from typing import NamedTuple

from telephony.countries import NATION_DIGITS, TOLD_BY_ALL_DIGITS, country
from telephony.privacy import MASKED_DIGITS, USUAL_MASKED_DIGITS

SHAPE = 2
"""Counts changes of these tables: a copy of another shape is made anew."""

CALL = """
    key uuid, party smallint, shared boolean, counted boolean, direction varchar,
    answered boolean, extension varchar, person_id integer, unit_id integer, number varchar,
    e164 varchar, began timestamp, ring_s integer, duration_s integer, call_duration_s integer,
    queued_s integer, cost decimal(18,6), gateway_id integer, site_id integer, area varchar,
    destination_type varchar, tariff_id integer, hunt_group varchar
"""
"""`shared`: the call has other rows. The copy has `nation` beside, told by the number in E.164."""

CALLS_OF = """
    select c.key, c.party,
           c.party > 0 or exists (select from call o where o.key = c.key and o.party > c.party),
           c.counted, c.direction, c.answered, c.extension, c.person_id, c.unit_id, c.number,
           c.e164, c.started_at at time zone 'UTC', c.ring_s, c.duration_s, c.call_duration_s,
           c.queued_s, c.cost, c.gateway_id, c.site_id, c.destination, c.destination_type,
           v.tariff_id, c.hunt_pilot
      from unnest($1::timestamptz[], $2::timestamptz[]) span(from_at, until_at)
      join call c on c.started_at >= span.from_at and c.started_at < span.until_at
      left join tariff_version v on v.id = c.tariff_version_id
"""

QUALITY = """
    began timestamp, extension varchar, device varchar, mos decimal(6,4), jitter_ms integer,
    latency_ms integer, lost bigint, received bigint
"""
"""The copy has `person_id` and `unit_id` beside: those of the extension's last call before."""

QUALITY_OF = """
    select to_timestamp(q.stamped) at time zone 'UTC', q.directory_number, q.device, q.mos,
           q.jitter_ms, q.latency_ms, q.packets_lost, q.packets_received
      from unnest($1::timestamptz[], $2::timestamptz[]) span(from_at, until_at)
      join cmr q on q.stamped >= extract(epoch from span.from_at)
                and q.stamped < extract(epoch from span.until_at)
"""


class Reference(NamedTuple):
    """A small table that calls point to, copied as a whole: its columns, and the query for it."""

    columns: str
    query: str


_CUSTOM = ", ".join(f"custom_{number} varchar" for number in range(1, 11))
_CUSTOM_OF = ", ".join(f"p.custom[{number}]" for number in range(1, 11))

REFERENCES = {
    "person": Reference(
        f"id integer, name varchar, login varchar, site varchar, country varchar,"
        f" masked smallint, {_CUSTOM}",
        f"""select p.id, coalesce(nullif(trim(p.last_name || ' ' || p.first_name), ''), p.login),
                   p.login, s.name, s.country, coalesce(p.masked_digits, s.masked_digits),
                   {_CUSTOM_OF}
              from person p left join site s on s.id = p.site_id""",
    ),
    "unit": Reference(
        "id integer, department varchar, cost_centre varchar, office varchar",
        "select id, department, cost_centre, office from unit",
    ),
    "gateway": Reference("id integer, name varchar", "select id, name from gateway"),
    "site": Reference(
        "id integer, name varchar, country varchar, masked smallint, first boolean",
        "select id, name, country, masked_digits,"
        " row_number() over (order by position, id) = 1 from site",
    ),
    "tariff": Reference("id integer, name varchar", "select id, name from tariff"),
}

OTHERS = {
    # How a country writes its own numbers.
    "plan": "country varchar, calling_code varchar, national_prefix varchar, masked smallint",
    # What of a number in E.164 tells its country, and that country.
    "prefix": "digits varchar, nation varchar",
    "state": "shape integer, copy_id varchar, reference bigint, complete boolean",
}

_WHOLE = " or ".join(f"starts_with(e164, '+{code}')" for code in TOLD_BY_ALL_DIGITS)
PREFIX = f"case when {_WHOLE} then e164 else left(e164, {NATION_DIGITS + 1}) end"
"""What of `e164` tells its country: see `telephony.countries.nation`."""


def plan_row(code: str) -> tuple[str, str, str, int]:
    """A row of `plan` for a country."""
    plan = country(code)
    masked = MASKED_DIGITS.get(code.upper(), USUAL_MASKED_DIGITS)
    return code, plan.calling_code, plan.national_prefix, masked


def schema() -> list[str]:
    """The statements that make an empty copy."""
    tables = {
        "call": f"{CALL}, nation varchar",
        "quality": f"{QUALITY}, person_id integer, unit_id integer",
        **OTHERS,
    }
    tables |= {name: reference.columns for name, reference in REFERENCES.items()}
    return [f"create or replace table {name} ({columns})" for name, columns in tables.items()]
