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
    create or replace temp macro masked(number, digits) as
    case when number = '' or digits <= 0 then number
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

    `sample` says that a group is found again by one of its rows, not by its value.
    """

    sql: str
    joins: tuple[Join, ...] = ()
    key: str = ""
    sample: bool = False


def _custom() -> dict[str, Expression]:
    return {
        f"custom_{number}": Expression(f"coalesce(p.custom_{number}, '')", ("person",))
        for number in range(1, 11)
    }


_COMMON = {
    "extension": Expression("coalesce(c.extension, '')"),
    "person": Expression("coalesce(p.name, '')", ("person",), "coalesce(p.login, '')"),
    "login": Expression("coalesce(p.login, '')", ("person",)),
    "department": Expression("coalesce(u.department, '')", ("unit",)),
    "cost_centre": Expression("coalesce(u.cost_centre, '')", ("unit",)),
    "office": Expression("coalesce(u.office, '')", ("unit",)),
    "site": Expression("coalesce(p.site, '')", ("person",)),
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
        "gateway": Expression(
            "case when c.direction <> 'internal' then coalesce(g.name, '') end", ("gateway",)
        ),
        "operator": Expression("coalesce(t.name, '')", ("tariff",)),
        "area": Expression("c.area"),
        "destination_type": Expression("c.destination_type"),
        "nation": Expression(NATION, ("site",)),
        # A call that came in has no type of the price list: it is told by where it came from.
        "place_type": Expression(
            f"case when c.direction <> 'incoming' then c.destination_type when {NATION} = ''"
            f" then '' when {NATION} = s.country then 'national' else 'international' end",
            ("site",),
        ),
        "hunt_group": Expression("c.hunt_group"),
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

# Shares in tenths of a percent, averages, both rounded half up without leaving whole numbers.
ARITHMETIC = (
    """create or replace temp macro tenths(part, whole) as
       case when whole > 0
            then cast((2000 * part::hugeint + whole::hugeint) // (2 * whole::hugeint)
                      as decimal(18,0)) * 0.1::decimal(2,1) end""",
    """create or replace temp macro hundredths(part, whole) as
       case when whole > 0
            then cast((200 * part::hugeint + whole::hugeint) // (2 * whole::hugeint)
                      as decimal(18,0)) * 0.01::decimal(3,2) end""",
    """create or replace temp macro mean(total, number) as
       case when number > 0
            then cast((2 * total::hugeint + number::hugeint) // (2 * number::hugeint)
                      as bigint) end""",
    """create or replace temp macro micros(amount) as (amount * 1000000)::hugeint""",
    """create or replace temp macro money(millionths) as
       cast(cast(millionths as decimal(24,0)) * 0.000001::decimal(7,6) as decimal(24,6))""",
)

_CALLS = "count(*) filter (once)"
_ANSWERED = "count(*) filter (once and answered)"
_IN = "count(*) filter (once and direction = 'incoming')"
_OUT = "count(*) filter (once and direction = 'outgoing')"
_MISSED = "count(*) filter (once and called and not answered)"
_TALK = "coalesce(sum(talk_s) filter (once and answered), 0)::bigint"
_COST = "coalesce(sum(cost), 0)::decimal(24,6)"
_BACK = "count(*) filter (once and back_s is not null)"
_FROM_OUTSIDE = "count(*) filter (once and direction = 'incoming' and not answered)"

MEASURES: dict[str, str] = {
    "calls": _CALLS,
    "calls_share": f"tenths({_CALLS}, sum({_CALLS}) over (partition by grouping(k0)))",
    "answered": _ANSWERED,
    "answered_share": f"tenths({_ANSWERED}, {_CALLS})",
    "unanswered": "count(*) filter (once and not answered)",
    "missed": _MISSED,
    "incoming": _IN,
    "incoming_share": f"tenths({_IN}, {_IN} + {_OUT})",
    "outgoing": _OUT,
    # What is left of a hundred, so that both always sum to it.
    "outgoing_share": f"100 - tenths({_IN}, {_IN} + {_OUT})",
    "total_cost": _COST,
    "cost_share": f"tenths(micros({_COST}), sum(micros({_COST})) over (partition by grouping(k0)))",
    "average_cost": f"money(coalesce(mean(micros({_COST}), {_CALLS}), 0))",
    "total_duration": _TALK,
    "average_duration": f"coalesce(mean({_TALK}, {_ANSWERED}), 0)",
    "longest": "coalesce(max(talk_s) filter (once), 0)",
    "average_ring": f"coalesce(mean(sum(ring_s) filter (once), {_CALLS}), 0)",
    "longest_ring": "coalesce(max(ring_s) filter (once), 0)",
    "average_queued": f"coalesce(mean(sum(queued_s) filter (once), {_CALLS}), 0)",
    "longest_queued": "coalesce(max(queued_s) filter (once), 0)",
    "called_back": _BACK,
    "called_back_share": f"tenths({_BACK}, {_FROM_OUTSIDE})",
    "reports": "count(*)",
    "average_mos": "hundredths(sum((mos * 10000)::hugeint), 10000 * count(mos))",
    "worst_mos": "min(mos)::decimal(6,2)",
    "poor_share": "tenths(count(*) filter (mos < 3.5), count(mos))",
    "average_jitter": "mean(sum(jitter_ms), count(*))",
    "worst_jitter": "max(jitter_ms)",
    "average_latency": "mean(sum(latency_ms), count(*))",
    "total_loss": "tenths(coalesce(sum(lost), 0), coalesce(sum(lost + received), 0))",
}
"""Figures of rows of `base`: see `storage.facts.query`."""

BUSY = ("busy_hour", "busy_hour_calls", "busy_hour_erlang")
"""The hour (by its beginning) in which calls of the group took the most time, and that time."""
