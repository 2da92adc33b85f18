"""How each field and measure is computed, in the engine's SQL; names are those of `reports.fields`.

Rows of calls are `c`; what they point to is joined under one letter where a field needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from storage.facts.ask import Subject

Join = Literal["person", "unit", "gateway", "tariff", "site", "plan", "back"]

JOINS: dict[Join, str] = {
    "person": "left join person p on p.id = c.person_id",
    "unit": "left join unit u on u.id = c.unit_id",
    "gateway": "left join gateway g on g.id = c.gateway_id",
    "tariff": "left join tariff t on t.id = c.tariff_id",
    "site": "left join site s on s.id = coalesce(c.site_id, {site})",
    "plan": "left join plan on plan.country = s.country"
    " left join plan mine on mine.country = p.country",
    "back": "left join back b on b.rid = c.rowid",
}
"""In this order: a dial plan needs the person and the site."""

NATIONAL = """case when c.e164 = '' then c.number
    when plan.calling_code <> '' and starts_with(c.e164, '+' || plan.calling_code)
         and length(c.e164) > length(plan.calling_code) + 1
    then plan.national_prefix || substr(c.e164, length(plan.calling_code) + 2)
    else c.e164 end"""
"""As `telephony.privacy.national` has it."""

# A number that is dialled within a country alone belongs to it.
NATION = """case when c.direction = 'internal' then '' when c.e164 <> '' then c.nation
    when c.number = '' then '' else coalesce(s.country, '') end"""

HIDDEN = "coalesce(p.masked, s.masked, mine.masked, plan.masked, 4)"

SHOWN = f"""case when c.direction = 'internal' then c.number
    else masked({NATIONAL}, {HIDDEN}) end"""

# As `telephony.privacy.mask` does it.
MASKED = """
    create or replace macro masked(number, digits) as
    case when number = '' or digits <= 0 then number
         when rtrim(number, '0123456789') in ('', '+')
         then left(number, greatest(0, length(number) - digits)) || repeat('*', digits)
         when contains(number, '@')
              and not regexp_full_match(split_part(number, '@', 1), '\\+?[0-9]+')
         then repeat('*', digits) || substr(number, strpos(number, '@'))
         else left(split_part(number, '@', 1),
                   greatest(0, length(regexp_extract(number, '^\\+?[0-9]+')) - digits))
              || repeat('*', digits) end
"""

BACK_WITHIN_S = 24 * 3600
"""A missed call counts as called back where its number was called within a day."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A value of a row. `key` is what groups are told apart by where it is not the value itself.

    `sample` says that a group is found again by one of its rows, not by its value. What is `named`
    by people stands in the order of the alphabet: *Ärzte* beside *Apotheke*, not behind *Zoo*.
    """

    sql: str
    joins: tuple[Join, ...] = ()
    key: str = ""
    sample: bool = False
    named: bool = False


def _name(sql: str, *joins: Join, key: str = "") -> Expression:
    return Expression(sql, joins, key, named=True)


def _custom() -> dict[str, Expression]:
    return {
        f"custom_{number}": _name(f"coalesce(p.custom_{number}, '')", "person")
        for number in range(1, 11)
    }


_COMMON = {
    "extension": Expression("coalesce(c.extension, '')"),
    "person": _name("coalesce(p.name, '')", "person", key="coalesce(p.login, '')"),
    "login": _name("coalesce(p.login, '')", "person"),
    "department": _name("coalesce(u.department, '')", "unit"),
    "cost_centre": _name("coalesce(u.cost_centre, '')", "unit"),
    "office": _name("coalesce(u.office, '')", "unit"),
    "site": _name("coalesce(p.site, '')", "person"),
    "date": Expression("{local}::date"),
    "month": Expression("date_trunc('month', {local})::date"),
    "weekday": Expression("(isodow({local}) - 1)::integer"),
    "hour": Expression("hour({local})::integer"),
    "started_at": Expression("c.began"),
    **_custom(),
}

EXPRESSIONS: dict[Subject, dict[str, Expression]] = {
    "calls": {
        **_COMMON,
        "type": Expression(
            "case when c.direction = 'internal' then 'internal'"
            " when not c.answered then 'missed' else c.direction end"
        ),
        "answer": Expression("case when c.answered then 'answered' else 'unanswered' end"),
        "direction": Expression("c.direction"),
        "number": Expression(
            SHOWN,
            ("person", "site", "plan"),
            "case when c.direction = 'internal' then 'i' || c.number"
            " when c.e164 = '' then 'n' || c.number else c.e164 end",
            sample=True,
        ),
        # None is an internal call, an empty text a trunk nobody has named.
        "gateway": _name(
            "case when c.direction <> 'internal' then coalesce(g.name, '') end", "gateway"
        ),
        "operator": _name("coalesce(t.name, '')", "tariff"),
        "area": _name("c.area"),
        "destination_type": Expression("c.destination_type"),
        "nation": Expression(NATION, ("site",)),
        # A call that came in has no type of the price list: it is told by where it came from.
        "place_type": Expression(
            f"case when c.direction <> 'incoming' then c.destination_type when {NATION} = ''"
            f" then '' when {NATION} = s.country then 'national' else 'international' end",
            ("site",),
        ),
        "hunt_group": _name("c.hunt_group"),
        "duration": Expression("c.duration_s"),
        "ring": Expression("c.ring_s"),
        "queued": Expression("c.queued_s"),
        "cost": Expression("c.cost"),
        "called_back_after": Expression("b.after_s", ("back",)),
    },
    "quality": {
        **_COMMON,
        "device": Expression("c.device"),
        "mos": Expression("c.mos"),
        "jitter": Expression("c.jitter_ms"),
        "latency": Expression("c.latency_ms"),
        "loss": Expression("tenths(c.lost, c.lost + c.received)"),
    },
}
"""Every field of a row, by subject."""

NAMED = {name for known in EXPRESSIONS.values() for name, one in known.items() if one.named}
"""Columns that are sorted as names are."""

_SMALL = 10**15

# Beside the mask: shares in tenths of a percent and averages, both rounded half up without leaving
# whole numbers.
MACROS = (
    MASKED,
    # Half up. Figures of any size in reason stay in the engine's own numbers, for a seventh of the
    # time; what is larger is right as well.
    f"""create or replace macro ratio(part, whole, times) as
       case when part between -{_SMALL} and {_SMALL} and whole <= {_SMALL}
            then (2 * times * part::bigint + whole::bigint) // (2 * whole::bigint)
            else cast((2 * times * part::hugeint + whole::hugeint) // (2 * whole::hugeint)
                      as bigint) end""",
    """create or replace macro tenths(part, whole) as
       case when whole > 0
            then cast(ratio(part, whole, 1000) as decimal(18,0)) * 0.1::decimal(2,1) end""",
    """create or replace macro hundredths(part, whole) as
       case when whole > 0
            then cast(ratio(part, whole, 100) as decimal(18,0)) * 0.01::decimal(3,2) end""",
    """create or replace macro mean(total, number) as
       case when number > 0 then ratio(total, number, 1) end""",
    # Small amounts, which nearly all are, in the engine's small numbers: a tenth of the time.
    """create or replace macro micros(amount) as
       coalesce((try_cast(amount as decimal(12,6)) * 1000000)::bigint::hugeint,
                (amount * 1000000)::hugeint)""",
    """create or replace macro money(millionths) as
       cast(cast(millionths as decimal(24,0)) * 0.000001::decimal(7,6) as decimal(24,6))""",
)

SUMS: dict[str, str] = {
    "calls": "count(*) filter (once)",
    "answered": "count(*) filter (once and answered)",
    "unanswered": "count(*) filter (once and not answered)",
    "missed": "count(*) filter (once and called and not answered)",
    "missed_from_outside": "count(*) filter (once and direction = 'incoming' and not answered)",
    "incoming": "count(*) filter (once and direction = 'incoming')",
    "outgoing": "count(*) filter (once and direction = 'outgoing')",
    "total_cost": "coalesce(sum(cost), 0)::decimal(24,6)",
    "total_duration": "coalesce(sum(talk_s) filter (once and answered), 0)::bigint",
    "longest": "coalesce(max(talk_s) filter (once), 0)",
    "all_ring": "sum(ring_s) filter (once)",
    "longest_ring": "coalesce(max(ring_s) filter (once), 0)",
    "all_queued": "sum(queued_s) filter (once)",
    "longest_queued": "coalesce(max(queued_s) filter (once), 0)",
    "called_back": "count(*) filter (once and back_s is not null)",
    "not_called_back": "count(*) filter (once and called and not answered and back_s is null)",
    "reports": "count(*)",
    "scored": "count(mos)",
    "all_mos": "sum((mos * 10000)::hugeint)",
    "worst_mos": "min(mos)::decimal(6,2)",
    "poor": "count(*) filter (mos < 3.5)",
    "all_jitter": "sum(jitter_ms)",
    "worst_jitter": "max(jitter_ms)",
    "all_latency": "sum(latency_ms)",
    "all_lost": "coalesce(sum(lost), 0)",
    "all_packets": "coalesce(sum(lost + received), 0)",
}
"""What is added up of rows of `base` (see `storage.facts.query`): measures, and parts of others."""

_IN_SHARE = "tenths({incoming}, {incoming} + {outgoing})"

DERIVED: dict[str, str] = {
    "answered_share": "tenths({answered}, {calls})",
    "incoming_share": _IN_SHARE,
    # What is left of a hundred, so that both always sum to it.
    "outgoing_share": f"100 - {_IN_SHARE}",
    "average_cost": "money(coalesce(mean(micros({total_cost}), {calls}), 0))",
    "average_duration": "coalesce(mean({total_duration}, {answered}), 0)",
    "average_ring": "coalesce(mean({all_ring}, {calls}), 0)",
    "average_queued": "coalesce(mean({all_queued}, {calls}), 0)",
    "called_back_share": "tenths({called_back}, {missed_from_outside})",
    "average_mos": "hundredths({all_mos}, 10000 * {scored})",
    "poor_share": "tenths({poor}, {scored})",
    "average_jitter": "mean({all_jitter}, {reports})",
    "average_latency": "mean({all_latency}, {reports})",
    "total_loss": "tenths({all_lost}, {all_packets})",
}
"""Measures worked out of sums, for the groups that are shown alone."""

SHARES: dict[str, tuple[str, str]] = {
    "calls_share": ("calls", "tenths({own}, {whole})"),
    "cost_share": ("total_cost", "tenths(micros({own}), micros({whole}))"),
}
"""A sum of a group, and its share in that of all groups together, which is their total's."""

BUSY = ("busy_hour", "busy_hour_calls", "busy_hour_erlang")
"""The hour (by its beginning) in which calls of the group took the most time, and that time."""
