"""Who looks: whose calls, figures and names a query may touch.

Every query of people's data that a page asks takes a `Viewer` and keeps to it in SQL, so that no
page can forget to. A user sees what is theirs; a supervisor that and what belongs to their
department, or cost centre, or office, as it was when the call was made; an administrator all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from storage.database import Connection
from storage.people import Person, Scope
from telephony.errors import RingfenceError

Breadth = Literal["own", "unit", "all"]
"""How far a viewer sees: own calls, those of a part of the company too, or everybody's."""


class NotAllowed(RingfenceError):
    """The viewer's role does not allow this; nothing was read or changed."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks, and how far. `scope_value` names a supervisor's department or such.

    `person_id` is None for the machine's own commands, which see everything and own nothing.
    """

    person_id: int | None
    breadth: Breadth
    scope: Scope | None = None
    scope_value: str = ""

    @classmethod
    def of(cls, person: Person) -> Viewer:
        """What a person may see. A supervisor whose department has no name sees their own alone."""
        if person.role == "administrator":
            return cls(person.id, "all")
        if person.role == "supervisor" and person.scope:
            value = {
                "department": person.department,
                "cost_centre": person.cost_centre,
                "office": person.office,
            }[person.scope]
            if value:
                return cls(person.id, "unit", person.scope, value)
        return cls(person.id, "own")

    @property
    def is_administrator(self) -> bool:
        """Whether the viewer may see and change everybody's things."""
        return self.breadth == "all"

    def only_own(self) -> Viewer:
        """The same viewer looking at their own alone."""
        return replace(self, breadth="own", scope=None, scope_value="")

    def require_administrator(self) -> None:
        """Raise `NotAllowed` unless the viewer is an administrator."""
        if not self.is_administrator:
            raise NotAllowed("only an administrator may do this")


OPERATOR = Viewer(None, "all")
"""Whoever has a shell on the machine."""


async def units_of(connection: Connection, viewer: Viewer) -> list[int]:
    """The units a supervisor sees, past ones too; none for anybody else."""
    if viewer.breadth != "unit":
        return []
    rows = await connection.fetch(
        """
        select id from unit
         where lower(case $1 when 'department' then department
                             when 'cost_centre' then cost_centre else office end) = lower($2)
        """,
        viewer.scope,
        viewer.scope_value,
    )
    return [row["id"] for row in rows]


def person_condition(viewer: Viewer, person: str, first: int) -> tuple[str, list[object]]:
    """SQL that is true of the people a viewer sees, and its arguments, numbered from `first`.

    `person` is the alias of the table `person` in the query.
    """
    if viewer.breadth == "all":
        return "true", []
    own = f"{person}.id = ${first}"
    if viewer.breadth == "own" or viewer.scope is None:
        return own, [viewer.person_id]
    column = {"department": "department", "cost_centre": "cost_centre", "office": "office"}
    part = f"lower({person}.{column[viewer.scope]}) = lower(${first + 1})"
    return f"({own} or {part})", [viewer.person_id, viewer.scope_value]


async def people_seen(connection: Connection, viewer: Viewer) -> frozenset[int]:
    """The ids of the people whose calls a viewer sees, for live pages; all of them is empty."""
    if viewer.breadth == "all":
        return frozenset()
    condition, values = person_condition(viewer, "p", 1)
    rows = await connection.fetch(f"select p.id from person p where {condition}", *values)  # noqa: S608 - our own condition
    return frozenset(row["id"] for row in rows)
