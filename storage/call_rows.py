"""Which rows of the table `call` a viewer may see and a filter means, as SQL read off an index.

A viewer who does not see everybody is answered extension by extension and unit by unit, a filter by
person or extension by that extension, one row by its key: each newest first, so that a page costs
the same however many calls there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from storage.database import Connection
from storage.viewer import Viewer, units_of

CallType = Literal["incoming", "outgoing", "missed", "internal"]
"""What a list shows a call as; `missed` is an outside call nobody answered, either way."""


_KEY = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PARTY = re.compile("[0-9]{1,3}")


class CallId(NamedTuple):
    """One row of the list: a call, and which extension's side of it. Tells nothing by itself."""

    key: str
    party: int

    @classmethod
    def parse(cls, text: str) -> CallId | None:
        """The inverse of `str()`; None where the text is none."""
        key, _, party = text.rpartition(".")
        if not _KEY.fullmatch(key) or not _PARTY.fullmatch(party):
            return None
        return cls(key, int(party))

    def __str__(self) -> str:
        return f"{self.key}.{self.party}"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls of those a viewer may see. Instants: from included, until not.

    `like` names a row whose number the calls are from or to, `id` one row alone. `gateway` is the
    name people read; empty: outside calls over a gateway nobody names.
    """

    from_at: datetime | None = None
    until_at: datetime | None = None
    extension: str = ""
    person_id: int | None = None
    like: CallId | None = None
    type: CallType | None = None
    gateway: str | None = None
    id: CallId | None = None


_TYPE = {
    "internal": "c.direction = 'internal'",
    "missed": "c.direction <> 'internal' and not c.answered",
    "incoming": "c.direction = 'incoming' and c.answered",
    "outgoing": "c.direction = 'outgoing' and c.answered",
}

_ALL = "select c.* from call c where {where} {newest}"
_PERSON = """
    select c.* from
    (select distinct extension from extension_owner where person_id = ${person}) o
    cross join lateral (
        select c.* from call c
         where c.extension = o.extension and c.person_id = ${person} and {where} {newest}) c
"""
_UNITS = """
    select c.* from unnest(${units}::int[]) u(id)
    cross join lateral (
        select c.* from call c where c.unit_id = u.id and {where} {newest}) c
"""


class Question:
    """Rows of `call` as SQL with its values; made by `question`, once per unit of work."""

    def __init__(self, viewer: Viewer, units: list[int]) -> None:
        self.values: list[object] = []
        self._where: list[str] = ["true"]
        self._own = self.add(viewer.person_id) if viewer.breadth != "all" else 0
        self._units = self.add(units) if viewer.breadth == "unit" else 0
        self._person = 0
        self._found = False
        """Whether few rows are meant, wherever they lie: an extension's or one call's."""

    def add(self, value: object) -> int:
        """Take a value in; its number in the query."""
        self.values.append(value)
        return len(self.values)

    def only(self, condition: str, *values: object) -> None:
        """Narrow the rows; `{}` in the condition stands for the values in order."""
        self._where.append(condition.format(*(f"${self.add(value)}" for value in values)))

    def found_by(self, condition: str, *values: object) -> None:
        """Narrow the rows by what an index finds them by."""
        self._found = True
        self.only(condition, *values)

    def of_person(self, person_id: int) -> None:
        """Narrow the rows to those of one person."""
        self._person = self.add(person_id)

    def _seen(self) -> list[str]:
        """The viewer's scope as a condition of its own."""
        if self._units:
            return [f"c.person_id = ${self._own} or c.unit_id = any(${self._units}::int[])"]
        return [f"c.person_id = ${self._own}"] if self._own else []

    def rows(self, limit: str = "") -> str:
        """A query for the rows, each once; with a limit the newest of them, in order."""
        newest = f"order by c.started_at desc, c.key, c.party {limit}" if limit else ""
        if self._person:
            query = self._part(_PERSON, [*self._where, *self._seen()], newest)
        elif self._found or not self._own:
            return self._part(_ALL, [*self._where, *self._seen()], newest)
        elif self._units:
            others = f"c.unit_id is null or c.unit_id <> all(${self._units}::int[])"
            own = self._part(_PERSON, [*self._where, others], newest)
            query = f"{own} union all {self._part(_UNITS, self._where, newest)}"
        else:
            query = self._part(_PERSON, self._where, newest)
        return f"select c.* from ({query}) c {newest}"  # noqa: S608 - our own text

    def _part(self, part: str, conditions: list[str], newest: str) -> str:
        where = " and ".join(f"({condition})" for condition in conditions)
        person = self._person or self._own
        return part.format(where=where, newest=newest, person=person, units=self._units)


async def question(
    connection: Connection, viewer: Viewer, wanted: CallFilter | None = None
) -> Question | None:
    """The rows a filter means for a viewer; None where it means none for certain."""
    asked = Question(viewer, await units_of(connection, viewer))
    if wanted is None:
        return asked
    if wanted.like is not None and not await _like(connection, viewer, asked, wanted.like):
        return None
    if wanted.id is not None:
        asked.found_by("c.key = {}::uuid and c.party = {}", *wanted.id)
    if wanted.from_at is not None:
        asked.only("c.started_at >= {}", wanted.from_at)
    if wanted.until_at is not None:
        asked.only("c.started_at < {}", wanted.until_at)
    if wanted.extension:
        asked.found_by("c.extension = {}", wanted.extension)
    if wanted.person_id is not None:
        asked.of_person(wanted.person_id)
    if wanted.type is not None:
        asked.only(_TYPE[wanted.type])
    if wanted.gateway:
        asked.only("c.gateway_id = any(select id from gateway where name = {})", wanted.gateway)
        asked.only("c.direction <> 'internal'")
    elif wanted.gateway is not None:
        asked.only("c.gateway_id is null and c.direction <> 'internal'")
    return asked


async def _like(connection: Connection, viewer: Viewer, asked: Question, like: CallId) -> bool:
    """Narrow to the number of a row the viewer sees; False where there is no such row."""
    reference = await question(connection, viewer, CallFilter(id=like))
    if reference is None:
        return False
    row = await connection.fetchrow(reference.rows("limit 1"), *reference.values)
    if row is None:
        return False
    inside = row["direction"] == "internal"
    if row["e164"]:
        asked.only("c.direction <> 'internal' and c.e164 = {}", row["e164"])
    else:
        asked.only(
            "c.number = {} and c.e164 = '' and (c.direction = 'internal') = {}",
            row["number"],
            inside,
        )
    return True
