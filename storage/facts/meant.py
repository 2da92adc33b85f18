"""Which rows of calls a question means, as the engine's SQL, kept to what its viewer may see."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from storage.call_rows import CallId
from storage.facts.ask import Ask, Condition
from storage.facts.fields import EXPRESSIONS, JOINS, NATIONAL, Expression, Join
from storage.facts.local_time import naive, offset_of
from storage.viewer import Viewer
from telephony.errors import RingfenceError

Parameter = str | int | Decimal | datetime | date | bool | list[str] | list[int]
_COMPARED = {
    "exactly": "=",
    "is": "=",
    "is_not": "is distinct from",
    "at_least": ">=",
    "at_most": "<=",
    "more": ">",
    "less": "<",
}
_TEXTS = {
    "begins": "starts_with({0}, {1})",
    "ends": "ends_with({0}, {1})",
    "contains": "contains({0}, {1})",
    "lacks": "not coalesce(contains({0}, {1}), false)",
}
_CODES = frozenset({"direction", "answer", "type"})
"""Fields whose texts are ours, in small letters: nothing has to be made small, row by row."""

_WRITTEN = str.maketrans("", "", " \t\u00a0-./()")

OF_THE_CALL = frozenset({
    "direction", "gateway", "operator", "area", "destination_type", "nation",
    "place_type", "hunt_group", "called_back_after", "ring", "queued", "date", "month", "weekday",
    "hour", "started_at",
})  # fmt: skip
"""Fields in which all rows of a call agree; `rating.charge` makes them so. Not whether it was
answered: one that is passed on may be answered at one extension and not at the other."""


class NotAskable(RingfenceError):
    """The question names a field or an operator there is not."""


class Known(NamedTuple):
    """The first and last instant of the subject, and the site of calls that name none."""

    first_at: datetime
    last_at: datetime
    site_id: int


class Meant:
    """The rows that are meant, with the values to bind."""

    def __init__(self, ask: Ask, viewer: Viewer, known: Known) -> None:
        self.ask = ask
        self.values: dict[str, Parameter] = {}
        self.viewer = viewer
        self.offset = offset_of(ask, (known.first_at, known.last_at))
        self._site_id = known.site_id
        self.table = "call" if ask.subject == "calls" else "quality"
        self._fields = EXPRESSIONS[ask.subject]

    def value(self, value: Parameter) -> str:
        """Bind a value; how the statement names it."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def expression(self, name: str) -> Expression:
        """A field. Raises `NotAskable`."""
        try:
            return self._fields[name]
        except KeyError:
            raise NotAskable(f"there is no field {name}") from None

    def sql(self, name: str) -> str:
        """A field's value."""
        return self.local(self.expression(name).sql)

    def local(self, text: str) -> str:
        """Put the local time in where `{local}` stands."""
        return text.replace("{local}", f"(c.began + {self.offset})")

    @property
    def is_whole(self) -> bool:
        """Whether with one row of a call every other is meant, so that the first counts it."""
        asked = (*self.ask.where, *(one for all_ in self.ask.any_of for one in all_))
        return (
            self.viewer.breadth == "all"
            and not self.is_limited
            and OF_THE_CALL.issuperset(one.field for one in asked)
        )

    def scope(self, alias: str) -> str:
        """What the viewer may see, whatever else is asked."""
        viewer = self.viewer
        if viewer.breadth == "all":
            return "true"
        own = f"{alias}.person_id = {self.value(viewer.person_id or 0)}"
        if viewer.breadth == "own" or viewer.scope is None:
            return own
        value = self.value(viewer.scope_value)
        units = f"select id from unit where lower({viewer.scope}) = lower({value})"
        return f"({own} or {alias}.unit_id in ({units}))"

    def within(self) -> list[str]:
        """The scope and the span, which the engine skips most of its rows by."""
        parts = [self.scope("c")]
        if self.ask.from_at is not None:
            parts.append(f"c.began >= {self.value(naive(self.ask.from_at))}")
        if self.ask.until_at is not None:
            parts.append(f"c.began < {self.value(naive(self.ask.until_at))}")
        return parts

    def where(self) -> str:
        """Every condition."""
        parts = [*self.within(), *(self._condition(one) for one in self.ask.where)]
        if self.is_limited:
            parts += [self._condition(one) for one in self.ask.of_group]
        if self.ask.any_of:
            options = (" and ".join(self._condition(one) for one in all_) or "true"
                       for all_ in self.ask.any_of)  # fmt: skip
            parts.append(" or ".join(f"({option})" for option in options))
        return " and ".join(f"({part})" for part in parts)

    @property
    def is_limited(self) -> bool:
        """Whether only the first so many rows are meant."""
        return self.ask.most is not None and not self.ask.by

    def of_group(self) -> str:
        """The group, where rows are left out only after it was decided which count their calls."""
        if self.is_limited:
            return ""
        return " and ".join(f"({self._condition(one)})" for one in self.ask.of_group)

    def joins_of(self, names: set[str]) -> set[Join]:
        """What these fields and every condition point to."""
        conditions = [
            *self.ask.where, *self.ask.of_group, *(one for all_ in self.ask.any_of for one in all_)
        ]  # fmt: skip
        asked = {one.field for one in conditions if one.field != "like"}
        return {join for name in names | asked for join in self.expression(name).joins}

    def joined(self, names: set[Join]) -> str:
        """The joins, in the order in which they rest on each other."""
        sql = " ".join(sql for name, sql in JOINS.items() if name in names)
        return sql.replace("{site}", str(self._site_id))

    def _condition(self, one: Condition) -> str:
        if one.field == "like":
            return self._like(str(one.value))
        if one.field == "number" and one.operator in {"is", "is_not", "among"}:
            return self._whole_number(one)
        sql, value = self.sql(one.field), one.value
        if one.operator == "among":
            return self._among(sql, one)
        if isinstance(value, tuple):
            raise NotAskable(f"{one.field} {one.operator} a list")
        bound = self.value(naive(value) if isinstance(value, datetime) else value)
        if isinstance(value, str) and one.operator != "exactly" and one.field not in _CODES:
            # Both by the engine, whose small letters need not be Python's.
            sql, bound = f"lower({sql})", f"lower({bound})"
        if one.operator in _TEXTS:
            return _TEXTS[one.operator].format(sql, bound)
        return f"{sql} {_COMPARED[one.operator]} {bound}"

    def _among(self, sql: str, one: Condition) -> str:
        if not isinstance(one.value, tuple):
            raise NotAskable(f"{one.field} among one value")
        texts = [item for item in one.value if isinstance(item, str)]
        if texts:
            small = f"list_transform({self.value(texts)}, lambda one: lower(one))"
            return f"list_contains({small}, lower({sql}))"
        numbers = [item for item in one.value if isinstance(item, int)]
        return f"list_contains({self.value(numbers)}, {sql})"

    def _whole_number(self, one: Condition) -> str:
        """By whole numbers, as dialled, as shown (with nothing hidden), or in E.164."""
        typed = [
            str(item) for item in (one.value if isinstance(one.value, tuple) else (one.value,))
        ]
        plain = [item.translate(_WRITTEN) for item in typed]
        world = [f"+{item[2:]}" for item in plain if item.startswith("00")]
        listed = f"list_transform({self.value([*typed, *plain, *world])}, lambda one: lower(one))"
        found = " or ".join(
            f"list_contains({listed}, lower({sql}))" for sql in ("c.number", "c.e164", NATIONAL)
        )
        return f"not ({found})" if one.operator == "is_not" else f"({found})"

    def _like(self, call: str) -> str:
        """Calls with the number of one the viewer sees; none where there is no such call."""
        found = CallId.parse(call)
        if found is None:
            return "false"
        key = self.expression("number").key
        return (
            f"{key} = (select {key.replace('c.', 'r.')} from call r"
            f" where r.key = {self.value(found.key)}::uuid"
            f" and r.party = {self.value(found.party)} and {self.scope('r')})"
        )
