"""Who signed in, who tried to, and who looked at or changed what is another's. Only ever added to.

Looking at the same thing again within a quarter of an hour is the same look: a page that refreshes
by itself, or is turned over, fills no log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from storage.database import Connection
from storage.viewer import Viewer

SAME_LOOK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth remembering. `login` is the name as it was then, or as it was typed.

    `subject_id` is the person it is about, `subject` what it is called; `details` are short texts.
    """

    action: str
    person_id: int | None = None
    login: str = ""
    subject_id: int | None = None
    subject: str = ""
    address: str = ""
    details: Mapping[str, str] = field(default_factory=dict[str, str])


async def record(connection: Connection, event: Event, now: datetime) -> None:
    """Remember an event, in the transaction of what it tells of."""
    await connection.execute(
        """
        insert into audit (at, action, person_id, login, subject_id, subject, address, details)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        now,
        event.action,
        event.person_id,
        event.login[:200],
        event.subject_id,
        event.subject[:400],
        event.address,
        dict(event.details),
    )


async def looked(connection: Connection, viewer: Viewer, event: Event, now: datetime) -> None:
    """Remember that somebody looked at what is another's; one's own is nobody's news."""
    if event.subject_id is not None and event.subject_id == viewer.person_id:
        return
    seen = await connection.fetchval(
        """
        select exists (
            select from audit
             where person_id is not distinct from $1 and at > $2 and action = $3
               and subject_id is not distinct from $4 and subject = $5)
        """,
        viewer.person_id,
        now - SAME_LOOK,
        event.action,
        event.subject_id,
        event.subject,
    )
    if not seen:
        await record(connection, event, now)


COUNTED_UP_TO = 10_000
"""Matches of a filter are counted no further: beyond this a page says *more than*."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events; empty means any. `until_at` is excluded.

    `who` and `about` are the beginning of a login or a part of a name; `address` is the beginning
    of one; `text` are beginnings of words of the subject and the details.
    """

    from_at: datetime | None = None
    until_at: datetime | None = None
    who: str = ""
    about: str = ""
    action: str = ""
    address: str = ""
    text: str = ""
    sort: Literal["asc", "desc"] = "desc"


class AuditRow(NamedTuple):
    """One event. Names are today's, `login` and `subject` what was known or typed then."""

    id: int
    at: datetime
    action: str
    person_id: int | None
    login: str
    name: str
    subject_id: int | None
    subject: str
    address: str
    details: dict[str, str]


class AuditPage(NamedTuple):
    """One page of events. `total` counts up to `COUNTED_UP_TO`; `is_more` where there are more."""

    rows: list[AuditRow]
    total: int
    is_more: bool


class Cursor(NamedTuple):
    """Where a reader of many events has come to: the last one read."""

    at: datetime
    id: int


async def listing(
    connection: Connection, viewer: Viewer, wanted: AuditFilter, page: int, page_size: int
) -> AuditPage:
    """A page of the events that match, pages counted from 1. Raises `NotAllowed`."""
    viewer.require_administrator()
    condition, values = await _condition(connection, wanted)
    counted: int = await connection.fetchval(
        f"select count(*) from (select from audit a where {condition} limit {COUNTED_UP_TO + 1}) n",  # noqa: S608 - our own condition
        *values,
    )
    rows = await _rows(connection, wanted, condition, values, page_size, (page - 1) * page_size)
    return AuditPage(rows, min(counted, COUNTED_UP_TO), counted > COUNTED_UP_TO)


async def following(
    connection: Connection,
    viewer: Viewer,
    wanted: AuditFilter,
    after: Cursor | None,
    most: int,
) -> list[AuditRow]:
    """The next `most` events that match, from the beginning or after a cursor. For exports.

    Raises `NotAllowed`.
    """
    viewer.require_administrator()
    condition, values = await _condition(connection, wanted)
    if after is not None:
        sign = "<" if wanted.sort == "desc" else ">"
        condition += f" and (a.at, a.id) {sign} (${len(values) + 1}, ${len(values) + 2})"
        values = [*values, after.at, after.id]
    return await _rows(connection, wanted, condition, values, most, 0)


async def _rows(
    connection: Connection,
    wanted: AuditFilter,
    condition: str,
    values: list[object],
    limit: int,
    offset: int,
) -> list[AuditRow]:
    order = "asc" if wanted.sort == "asc" else "desc"
    rows = await connection.fetch(
        f"""
        with found as (
            select * from audit a where {condition}
             order by a.at {order}, a.id {order} limit {limit:d} offset {offset:d})
        select f.id, f.at, f.action, f.person_id, coalesce(nullif(f.login, ''), p.login, ''),
               coalesce(trim(p.first_name || ' ' || p.last_name), ''),
               f.subject_id,
               coalesce(nullif(trim(s.first_name || ' ' || s.last_name), ''),
                        nullif(f.subject, ''), s.login, ''),
               f.address, f.details
          from found f
          left join person p on p.id = f.person_id
          left join person s on s.id = f.subject_id
         order by f.at {order}, f.id {order}
        """,  # noqa: S608 - our own condition
        *values,
    )
    return [AuditRow(*row) for row in rows]


async def _condition(connection: Connection, wanted: AuditFilter) -> tuple[str, list[object]]:
    """SQL that is true of the events that match, of the alias `a`, and its arguments.

    People are found first, by name, so that an index finds their events.
    """
    values: list[object] = []
    parts = ["true"]

    def add(part: str, *given: object) -> None:
        numbers = [f"${len(values) + number}" for number in range(1, len(given) + 1)]
        values.extend(given)
        parts.append(part.format(*numbers))

    if wanted.from_at:
        add("a.at >= {}", wanted.from_at)
    if wanted.until_at:
        add("a.at < {}", wanted.until_at)
    if wanted.action:
        add("a.action = {}", wanted.action)
    if wanted.address:
        add("a.address like {}", _beginning(wanted.address))
    for said, known, typed in (
        (wanted.who, "a.person_id", "a.login"),
        (wanted.about, "a.subject_id", "a.subject"),
    ):
        if said:
            either = f"({known} = any({{}}) or ({known} is null and lower({typed}) like {{}}))"
            add(either, await _people_called(connection, said), _beginning(said.lower()))
    if wanted.text:
        words = await _looked_for(connection, wanted.text)
        if words:
            add(await _said_in(connection, words), words)
    return " and ".join(parts), values


_SAID = """
    to_tsvector('simple'::regconfig, bare_words({alias}subject || ' ' || {alias}details::text))
    @@ to_tsquery('simple', {words})
"""
"""The expression is the index's."""

OFTEN = 20_000


async def _said_in(connection: Connection, words: str) -> str:
    """How events with these words are best found, the argument open.

    What is rare is asked of the index by itself; what is said everywhere is met soon enough by
    whoever goes back in time.
    """
    said = _SAID.format(alias="", words="$1")
    often: bool = await connection.fetchval(
        f"select count(*) > {OFTEN} from (select from audit where {said} limit {OFTEN + 1}) n",  # noqa: S608 - our own condition
        words,
    )
    if often:
        return _SAID.format(alias="a.", words="{}")
    return f"a.id = any(array(select id from audit where {_SAID.format(alias='', words='{}')}))"  # noqa: S608 - as above


def _beginning(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


async def _people_called(connection: Connection, said: str) -> list[int]:
    rows = await connection.fetch(
        """
        select id from person
         where lower(login) like $1 or position($2 in lower(first_name || ' ' || last_name)) > 0
            or position($2 in lower(last_name || ' ' || first_name)) > 0
        """,
        _beginning(said.lower()),
        said.lower(),
    )
    return [row["id"] for row in rows]


async def _looked_for(connection: Connection, text: str) -> str:
    words: str = await connection.fetchval("select bare_words($1)", text)
    return " & ".join(f"{word}:*" for word in words.split())


async def forget(connection: Connection, before_at: datetime, most: int) -> int:
    """Remove at most `most` of the events before `before_at`, the oldest first; how many."""
    rows = await connection.fetch(
        """
        delete from audit where id in (
            select id from audit where at < $1 order by at, id limit $2)
        returning id
        """,
        before_at,
        most,
    )
    return len(rows)
