"""A question about calls, in the words of this house: nothing of SQL, nothing of a page.

`reports` makes them, `storage.facts` answers them for a `Viewer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Subject = Literal["calls", "quality"]
"""What is counted: calls, or what phones reported of a call's voice (CMR)."""

Operator = Literal[
    "is", "exactly", "is_not", "at_least", "at_most", "more", "less", "begins", "ends", "contains",
    "lacks", "among",
]  # fmt: skip
Operand = str | int | Decimal | datetime | date | bool | tuple[str, ...] | tuple[int, ...]


class Condition(NamedTuple):
    """One field, an operator, a value. `among` takes a tuple; every other one value.

    Texts are compared without regard to case, but by `exactly`. A number is compared whole by `is`,
    `is_not` and `among` (as dialled or in E.164), by every other operator as far as it is shown.
    """

    field: str
    operator: Operator
    value: Operand


class Order(NamedTuple):
    """A column to sort by. Rows that are equal in it stay in an order of their own."""

    column: str
    falling: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Which calls are meant and what is wanted of them.

    Instants: from included, until not; None is without end. `zone` is the IANA zone of days and
    hours. A call must meet everything in `where`, and everything of one of `any_of`, if there are
    any. Of the rows that are meant, `of_group` leaves those by which a call counts in one group,
    after it was decided which these are: a list of them has the very figures of the group. With
    `by`, groups: a row for each combination, with `measures`; without, a list of rows with
    `columns`. With `each_side` an internal call counts at both of its extensions; else once.
    `most` keeps the first so many rows in `order`.
    """

    subject: Subject = "calls"
    from_at: datetime | None = None
    until_at: datetime | None = None
    zone: str = "UTC"
    where: tuple[Condition, ...] = ()
    any_of: tuple[tuple[Condition, ...], ...] = ()
    of_group: tuple[Condition, ...] = ()
    by: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    most: int | None = None
    each_side: bool = False
