"""A question turned into two statements: one keeps the rows of its answer, one its totals.

`rows` are the rows of calls that are meant; `base` tells for each whether it is the one that counts
its call (`once`) and whether we were called (`called`). Groups, lists and totals come of `base`.
Names and numbers in words are looked up last, for the rows that are kept alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from storage.facts.ask import Order
from storage.facts.fields import BACK_WITHIN_S, BUSY, DERIVED, NAMED, SHARES, SUMS, Join
from storage.facts.local_time import naive
from storage.facts.meant import Meant, NotAskable

CALL = "c.key::varchar || '.' || c.party::varchar"
_MEASURED = (
    "c.key", "c.party", "c.shared", "c.counted", "c.direction", "c.answered", "c.cost",
    "c.ring_s", "c.queued_s", "c.began",
)  # fmt: skip
COUNTED = "count(*) as _rows, count(*) filter (once) as _calls"
_HEARD = ("c.mos", "c.jitter_ms", "c.latency_ms", "c.lost", "c.received", "c.began")


def base(meant: Meant, selected: Iterable[str], fields: set[str], order: str = "") -> str:
    """The CTEs `rows` and `base`; `selected` stands beside what measures need."""
    ask = meant.ask
    limit = f" {order} limit {int(ask.most)}" if ask.most is not None and not ask.by else ""
    joins = meant.joins_of(fields)
    back = _back(meant) if "back" in joins else ""
    if ask.subject == "quality":
        columns = [*_HEARD, *selected]
        made = "select *, true as once, true as called from rows"
    else:
        own = ask.each_side or meant.viewer.breadth == "own"
        talk = "c.duration_s" if own else "c.call_duration_s"
        columns = [*_MEASURED, f"{talk} as talk_s", *selected]
        if back:
            columns.append(f"{meant.sql('called_back_after')} as back_s")
        made = _counted(meant)
    if group := meant.of_group():
        columns.append(f"coalesce({group}, false) as of_group")
        # What a call cost stands at one of its rows, which need not be the one that counts it.
        made = f"select * from ({made}) where of_group and (once or cost <> 0)"
    rows = (
        f"select {', '.join(columns)} from {meant.table} c {meant.joined(joins)}"
        f" where {meant.where()}{limit}"
    )
    return f"with {back}rows as ({rows}), base as ({made})"


def _counted(meant: Meant) -> str:
    called = "(direction = 'incoming' or direction = 'internal' and {})"
    if meant.ask.each_side:
        return f"select *, true as once, {called.format('party > 0')} as called from rows"
    if meant.is_whole:
        return f"select *, counted as once, {called.format('shared')} as called from rows"
    return (
        f"select *, true as once, {called.format('party > 0')} as called from rows"
        " where not shared union all"
        " select *, row_number() over (partition by key order by counted desc, party) = 1,"
        f" {called.format('max(party) over (partition by key) > 0')} from rows where shared"
    )


def _back(meant: Meant) -> str:
    """The missed calls whose number was called within a day, and how soon."""
    until = ""
    if meant.ask.until_at is not None:
        last = naive(meant.ask.until_at + timedelta(seconds=BACK_WITHIN_S))
        until = f" and o.began <= {meant.value(last)}"
    outgoing = (
        "select o.e164, o.began from call o where o.direction = 'outgoing' and o.e164 <> ''"
        f" and {meant.scope('o')} and o.e164 in (select e164 from missed)"
        f" and o.began >= (select min(began) from missed){until}"
    )
    missed = (
        "select c.rowid as rid, c.e164, c.began from call c where c.direction = 'incoming'"
        f" and not c.answered and c.e164 <> '' and {' and '.join(meant.within())}"
    )
    return (
        f"missed as materialized ({missed}), back as (select m.rid,"
        " epoch(o.began - m.began)::integer as after_s"
        f" from missed m asof join ({outgoing}) o on o.e164 = m.e164 and o.began >= m.began"
        f" where o.began <= m.began + interval {BACK_WITHIN_S} second), "
    )


def listing(meant: Meant, most: int) -> str:
    """The rows of a list, in its order, the first `most`; their fields looked up last."""
    ask = meant.ask
    ordering = {one.column for one in ask.order}
    by = [f'{meant.sql(name)} as "o_{name}"' for name in sorted(ordering)]
    order = ", ".join(_sorted(f'"o_{one.column}"', one) for one in ask.order)
    ties = "began desc, key, party" if ask.subject == "calls" else "began desc, rid"
    order = f"order by {order + ', ' if order else ''}{ties}"
    back = {"called_back_after"} & set(ask.columns)
    ctes = base(meant, ["c.rowid as rid", *by], ordering | back, order)
    fields = [f'{meant.sql(name)} as "{name}"' for name in ask.columns]
    call = [f"{CALL} as _call"] if ask.subject == "calls" else []
    joins = meant.joined({join for name in ask.columns for join in meant.expression(name).joins})
    return (
        f"{ctes}, picked as (select rid, row_number() over ({order}) as _row from base"
        f" qualify _row <= {most})"
        f" select {', '.join([*fields, *call])}, picked._row as _row, false as _total"
        f" from picked join {meant.table} c on c.rowid = picked.rid {joins}"
        f" where {' and '.join(meant.within())}"
    )


def totals(meant: Meant) -> str:
    """The figures of all the rows of a list; the first two are rows and calls."""
    order = {one.column for one in meant.ask.order}
    by = [f'{meant.sql(name)} as "o_{name}"' for name in sorted(order)]
    listed = ", ".join(_sorted(f'"o_{one.column}"', one) for one in meant.ask.order)
    ties = "began desc, key, party" if meant.ask.subject == "calls" else "began desc, c.rowid"
    limit = f"order by {listed + ', ' if listed else ''}{ties}" if meant.ask.most else ""
    measures = [f'{measure(name)} as "{name}"' for name in meant.ask.measures]
    shown = ", ".join([COUNTED, *measures])
    ctes = base(meant, by, order, limit) if limit else base(meant, (), set())
    return f"{ctes} select {shown} from base"


def groups(meant: Meant, most: int) -> str:
    """A row for each group in order, the first `most`, and one of `_total` for them all."""
    ask = meant.ask
    selected: list[str] = []
    shown: list[str] = []
    for number, name in enumerate(ask.by):
        expression = meant.expression(name)
        key = expression.key or meant.sql(name)
        selected.append(f"{key} as k{number}")
        if expression.sample:
            selected.append(f"c.rowid as s{number}")
            shown.append(f"min(s{number}) as s{number}")
        elif expression.key:
            selected.append(f"{meant.sql(name)} as d{number}")
            shown.append(f'any_value(d{number}) as "{name}"')
            shown.append(f'any_value(k{number})::varchar as "_key_{name}"')
        else:
            shown.append(f'k{number} as "{name}"')
    fields = {name for name in ask.by if not meant.expression(name).sample}
    if any("called_back" in name for name in ask.measures):
        fields.add("called_back_after")
    busy = bool(set(ask.measures) & set(BUSY))
    if busy:
        slot = meant.local("date_trunc('hour', {local})")
        selected.append(f"{slot} - {meant.offset} as slot")
    keys = [f"k{number}" for number in range(len(ask.by))]
    sets = f"grouping sets (({', '.join(keys)}), ())"
    summed = [f'{SUMS[name]} as "{name}"' for name in sorted(_sums_of(ask.measures))]
    total = f"grouping({keys[0]}) = 1 as _total"
    made = (
        f"{base(meant, selected, fields)}, grouped as (select {', '.join([*keys, *shown])},"
        f" {COUNTED}, {', '.join([*summed, total])} from base group by {sets}"
        # A group of rows that count no call is none; the totals stand there always.
        f" having _calls > 0 or _total)"
    )
    source = "grouped"
    if busy:
        made += _busy(keys)
        source = "with_busy"
    return made + _in_order(meant, source, most)


def _busy(keys: list[str]) -> str:
    """The busiest hour of each group beside it."""
    by = ", ".join(keys)
    slots = f"grouping sets (({by}, slot), (slot))"
    same = " and ".join(f"a.{key} is not distinct from b.{key}" for key in keys)
    return (
        f", slots as (select {by}, slot, grouping({keys[0]}) = 1 as _total,"
        " coalesce(sum(talk_s) filter (once), 0) as load,"
        f" count(*) filter (once) as number from base group by {slots}), busy as ("
        f"select {by}, _total, arg_max(slot, (load, number, -epoch(slot))) as busy_hour,"
        " arg_max(number, (load, number, -epoch(slot))) as busy_hour_calls,"
        " hundredths(max(load), 3600) as busy_hour_erlang"
        f" from slots group by {by}, _total), with_busy as (select a.*, b.busy_hour,"
        " b.busy_hour_calls, b.busy_hour_erlang from grouped a left join busy b"
        f" on {same} and a._total = b._total)"
    )


def _in_order(meant: Meant, source: str, most: int) -> str:
    """Groups in their order; what can be worked out of those that are kept alone is, last."""
    ask = meant.ask
    shown = [meant.expression(name).sample for name in ask.by]
    # Equal groups must not stand in the order of digits that are hidden.
    column = {name: f"hash(k{number})" for number, name in enumerate(ask.by) if shown[number]}
    column |= {name: measure(name, '"{}"') for name in ask.measures if name in DERIVED}
    column |= {name: _quoted(SHARES[name][0]) for name in ask.measures if name in SHARES}
    order = [_sorted(column.get(one.column, _quoted(one.column)), one) for one in ask.order]
    order += [_sorted(_quoted(name), Order(name)) for name in ask.by if name in NAMED]
    order += [column.get(name, _quoted(name)) for name in ask.by]
    by = f"order by _total desc, {', '.join(order)}"
    fields, joined = _grouped_by(meant)
    measures = [f'{_of_kept(name)} as "{name}"' for name in ask.measures]
    return (
        # Picked before they are numbered: numbering a million groups takes a second.
        f", picked as (select * from {source} {by} limit {most + 1}),"
        f" kept as materialized (select *, row_number() over ({by}) - 1 as _row from picked)"
        f" select {', '.join([*fields, *measures])}, kept._rows, kept._calls, kept._row,"
        f" kept._total from kept cross join (select * from kept where _total) whole{joined}"
    )


def _grouped_by(meant: Meant) -> tuple[list[str], str]:
    """What groups are told by, and the joins that takes where it is told by a sample."""
    fields: list[str] = []
    joined = ""
    for number, name in enumerate(meant.ask.by):
        expression = meant.expression(name)
        if expression.sample:
            told = "case when not kept._total then {} end"
            fields += [f'{told.format(meant.sql(name))} as "{name}"',
                       f'{told.format(CALL)} as "_key_{name}"']  # fmt: skip
            joins: set[Join] = set(expression.joins)
            joined = f" left join call c on c.rowid = kept.s{number} {meant.joined(joins)}"
        else:
            fields += [f'kept."{name}"', *([f'kept."_key_{name}"'] if expression.key else [])]
    return fields, joined


def _of_kept(name: str) -> str:
    """A measure of a group that is kept. Raises `NotAskable`."""
    if name in BUSY:
        return f'kept."{name}"'
    if name in SHARES:
        part, share = SHARES[name]
        return share.format(own=f'kept."{part}"', whole=f'whole."{part}"')
    return measure(name, 'kept."{}"')


def measure(name: str, column: str = "") -> str:
    """The SQL of a measure: of rows of `base`, or of columns that hold its sums.

    `column` says how a sum's column is named there. Raises `NotAskable`.
    """
    sums = {part: f"({sql})" for part, sql in SUMS.items()}
    if column:
        sums = {part: column.format(part) for part in SUMS}
    if name in SUMS:
        return sums[name]
    try:
        return DERIVED[name].format_map(sums)
    except KeyError:
        raise NotAskable(f"there is no measure {name}") from None


def _sums_of(measures: Iterable[str]) -> set[str]:
    """What has to be added up for measures."""
    sums: set[str] = set()
    for name in measures:
        if name in SHARES:
            sums.add(SHARES[name][0])
        elif name not in BUSY:
            sums |= {part for part in SUMS if f"\0{part}\0" in measure(name, "\0{}\0")}
    return sums


def ordered(order: Iterable[Order], last: str) -> str:
    """An ORDER BY of columns by name; `last` tells equal rows apart."""
    return f"order by {', '.join([*(_sorted(_quoted(one.column), one) for one in order), last])}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sorted(column: str, one: Order) -> str:
    """A column of an ORDER BY; names stand in the order of the alphabet, whatever the language."""
    collation = " collate en" if one.column in NAMED else ""
    return f"{column}{collation} {'desc' if one.falling else 'asc'} nulls last"
