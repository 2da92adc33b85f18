"""Finding people and numbers by what somebody types, as far as the searcher sees.

An outside number is compared by the digits that are shown of it and by no other: whatever somebody
tries, the answer is the same for every number that looks the same, so that nobody finds hidden
digits out by trying. Only the newest calls are looked through, so that an answer never waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from asyncpg import Record

from storage.call_rows import CallId, question
from storage.database import Connection
from storage.seen_calls import SHOWN, shown_abroad, shown_number
from storage.viewer import Viewer, person_condition

LOOKED_THROUGH = 5_000
"""Calls a search for an outside number goes through, the newest first."""

MOST = 20
"""Results of one kind; more are not told apart by anybody."""

FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody the searcher may see. `extensions` are the present ones, lowest first."""

    id: int
    login: str
    name: str
    email: str
    department: str
    extensions: tuple[str, ...]
    disabled: bool


@dataclass(frozen=True, slots=True)
class FoundExtension:
    """An extension somebody has now. `name` is theirs, last name first."""

    extension: str
    name: str
    department: str


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """An outside number, masked, with how many of the calls looked through were from or to it.

    `newest` is one of them, by which the list of calls is asked for all.
    """

    number: str
    calls: int
    newest: CallId
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `since` is how far back numbers were looked for; None: all there are."""

    people: tuple[FoundPerson, ...] = ()
    extensions: tuple[FoundExtension, ...] = ()
    numbers: tuple[FoundNumber, ...] = ()
    since: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found at all."""
        return not (self.people or self.extensions or self.numbers)


async def search(connection: Connection, viewer: Viewer, text: str) -> Found:
    """Everything that fits what was typed, at most `MOST` of a kind."""
    words = text.split()[:8]
    if not words:
        return Found()
    digits = digits_of(text)
    numbers: tuple[FoundNumber, ...] = ()
    since = None
    if len(digits) >= FEWEST_DIGITS:
        numbers, since = await _numbers(connection, viewer, digits)
    return Found(
        people=await _people(connection, viewer, words),
        extensions=await _extensions(connection, viewer, digits) if digits else (),
        numbers=numbers,
        since=since,
    )


def digits_of(text: str) -> str:
    """The digits of a number as people write one; empty where the text is none."""
    if not re.fullmatch(r"[+0-9()./ *\-]+", text):
        return ""
    return re.sub(r"\D", "", text)


def fits(digits: str, number: str) -> bool:
    """Whether digits somebody typed fit what is shown of a masked number, wherever they stand.

    Who types the whole number finds it by the part that is shown.
    """
    shown = re.sub(r"\D", "", number.partition("*")[0])
    if len(shown) < FEWEST_DIGITS:
        return False
    whole = len(re.sub(r"[^0-9*]", "", number))
    ways = {digits, digits.removeprefix("00")}
    return any(way in shown or (len(way) == whole and way.startswith(shown)) for way in ways)


def _like(word: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", word.lower()) + "%"


_PERSON = """
    select p.id, p.login, p.first_name, p.last_name, p.email, p.department,
           p.disabled_at is not null as disabled, coalesce(o.extensions, '{}') as extensions
      from person p
      left join lateral (
           select array_agg(extension order by length(extension), extension) as extensions
             from extension_owner
            where person_id = p.id and (from_at is null or from_at <= now())
              and (until_at is null or until_at > now())) o on true
"""


async def _people(
    connection: Connection, viewer: Viewer, words: list[str]
) -> tuple[FoundPerson, ...]:
    condition, values = person_condition(viewer, "p", 2)
    rows = await connection.fetch(
        f"""
        {_PERSON} where {condition}
           and lower(concat_ws(' ', p.first_name, p.last_name, p.login, p.email, p.department,
                               array_to_string(o.extensions, ' '))) like all($1::text[])
         order by p.disabled_at is not null, lower(p.last_name), lower(p.first_name), p.login
         limit {MOST}
        """,
        [_like(word) for word in words],
        *values,
    )
    return tuple(_person(row) for row in rows)


def _person(row: Record) -> FoundPerson:
    return FoundPerson(
        id=row["id"],
        login=row["login"],
        name=_name(row),
        email=row["email"],
        department=row["department"],
        extensions=tuple(row["extensions"]),
        disabled=row["disabled"],
    )


def _name(row: Record) -> str:
    return f"{row['last_name']} {row['first_name']}".strip() or row["login"]


async def _extensions(
    connection: Connection, viewer: Viewer, digits: str
) -> tuple[FoundExtension, ...]:
    condition, values = person_condition(viewer, "p", 2)
    rows = await connection.fetch(
        f"""
        select o.extension, p.first_name, p.last_name, p.login, p.department
          from extension_owner o join person p on p.id = o.person_id
         where o.extension like $1 || '%' and {condition}
           and (o.from_at is null or o.from_at <= now())
           and (o.until_at is null or o.until_at > now())
         order by length(o.extension), o.extension, o.partition limit {MOST}
        """,  # noqa: S608 - our own text
        digits,
        *values,
    )
    return tuple(FoundExtension(row["extension"], _name(row), row["department"]) for row in rows)


async def _numbers(
    connection: Connection, viewer: Viewer, digits: str
) -> tuple[tuple[FoundNumber, ...], datetime | None]:
    """Numbers that fit, the latest called first, and since when they were looked for."""
    asked = await question(connection, viewer)
    if asked is None:
        return (), None
    newest = asked.rows(f"limit {LOOKED_THROUGH}")
    rows = await connection.fetch(
        f"""
        with shown as materialized ({SHOWN.format(calls=newest)})
        select number, e164, masked, masked_country, country, count(*) as calls,
               max(started_at) as last_at,
               (array_agg(key || '.' || party order by started_at desc, key, party))[1] as newest,
               (select count(*) from shown) as looked, (select min(started_at) from shown) as since
          from shown where direction <> 'internal' and number <> ''
         group by 1, 2, 3, 4, 5 order by last_at desc
        """,  # noqa: S608 - our own text
        *asked.values,
    )
    found: dict[tuple[str, str], FoundNumber] = {}
    for row in rows:
        number, newest_id = shown_number(row), CallId.parse(row["newest"])
        if newest_id is None or not (fits(digits, number) or fits(digits, shown_abroad(row))):
            continue
        # One number may have been dialled and have called in several forms.
        one = (row["e164"] or row["number"], number)
        if one in found:
            found[one] = replace(found[one], calls=found[one].calls + row["calls"])
        elif len(found) < MOST:
            found[one] = FoundNumber(number, row["calls"], newest_id, row["last_at"])
    whole = not rows or rows[0]["looked"] < LOOKED_THROUGH
    return tuple(found.values()), None if whole else rows[0]["since"]


async def people_named(
    connection: Connection, viewer: Viewer, text: str
) -> tuple[FoundPerson, ...]:
    """Those the viewer sees with exactly this login, else with this name, either way round."""
    condition, values = person_condition(viewer, "p", 2)
    rows = await connection.fetch(
        f"""
        {_PERSON} where {condition}
           and lower($1) in (lower(p.login), lower(p.first_name || ' ' || p.last_name),
                             lower(p.last_name || ' ' || p.first_name))
         order by lower(p.login) <> lower($1), p.login limit 2
        """,
        " ".join(text.split()),
        *values,
    )
    found = tuple(_person(row) for row in rows)
    by_login = [person for person in found if person.login.lower() == text.strip().lower()]
    return tuple(by_login) or found
