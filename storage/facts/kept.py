"""Answers: made once, kept for a while, read page by page.

The page, its sorting and every export read the very same rows. Numbers are masked when the answer
is made; nothing read from it has the hidden digits.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from storage.database import StorageError
from storage.facts.ask import Ask, Order
from storage.facts.copy import FactsCopy
from storage.facts.engine import Cursor
from storage.facts.fields import MACROS
from storage.facts.meant import Known, Meant
from storage.facts.query import groups, listing, ordered, totals
from storage.viewer import Viewer

MOST_ROWS = 100_000
"""Rows of a list that are kept; its totals count all."""

ANSWERS_KEPT = 48
RAN_LONG_S = 120.0

Cell = str | int | Decimal | datetime | date | None


class NoLongerKept(StorageError):
    """The answer was given up for newer ones: ask again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question. `totals` has a figure for each measure, of all that was meant.

    `rows` is how many groups or calls there are to read, `sides` how many rows of calls were meant
    and `calls` how many calls those are: an internal call has two. `version` is the copy's.
    """

    id: int
    columns: tuple[str, ...]
    rows: int
    sides: int
    calls: int
    totals: dict[str, Cell]
    version: int


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A row: its values in the columns' order, and how to find its calls again.

    `call` is the id of a listed call. `keys` are, for groups, what each grouping is told apart by
    where that is not its value: a person's id, a call with the number.
    """

    values: tuple[Cell, ...]
    call: str
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class Glance:
    """The first rows of an answer, and those its chart is made of."""

    answer: Answer
    rows: list[AnswerRow]
    drawn: list[AnswerRow]


class Answers:
    """The answers of a process. Made with the copy, used by every page."""

    def __init__(self, copy: FactsCopy) -> None:
        self._copy = copy
        self._ids = itertools.count(1)
        self._kept: OrderedDict[int, Answer] = OrderedDict()

    async def prepare(self) -> None:
        """Make room for answers, and what every statement may call; before the first question."""

        def work(cursor: Cursor) -> None:
            for statement in ("attach if not exists ':memory:' as kept", *MACROS):
                cursor.execute(statement)

        await self._copy.engine.work(work)

    async def ask(self, viewer: Viewer, ask: Ask, *, patience_s: float = RAN_LONG_S) -> Answer:
        """Answer a question and keep the answer.

        Raises `NotReady`, `TooSlow`, `NotAskable`, `StorageError`, `StorageUnavailable`.
        """
        number = next(self._ids)

        def work(cursor: Cursor) -> Answer:
            return _answer(cursor, viewer, ask, f"kept.a{number}", number, self._copy.version)

        answer = await self._copy.ask(work, patience_s=patience_s)
        self._kept[number] = answer
        while len(self._kept) > ANSWERS_KEPT:
            await self.forget(next(iter(self._kept)))
        return answer

    async def glance(
        self, asked: Sequence[tuple[Viewer, Ask, Sequence[Order]]], shown: int, drawn: int
    ) -> list[Glance]:
        """Several answers as of one instant, of which only the first rows are read.

        Each question comes with the order in which it is drawn. Raises as `ask` does.
        """

        def work(cursor: Cursor) -> list[Glance]:
            version = self._copy.version
            glances: list[Glance] = []
            for viewer, ask, order in asked:
                answer = _answer(cursor, viewer, ask, "glanced", 0, version)
                first = _rows(cursor, answer, "glanced", (), shown)
                chart = _rows(cursor, answer, "glanced", order, drawn) if order else []
                glances.append(Glance(answer, first, chart))
                cursor.execute("drop table glanced")
            return glances

        return await self._copy.ask(work)

    async def forget(self, number: int) -> None:
        """Give an answer up."""
        if self._kept.pop(number, None) is not None:
            await self._copy.engine.work(
                lambda cursor: cursor.execute(f"drop table if exists kept.a{number}") and None
            )

    async def read(
        self, answer: Answer, order: Sequence[Order] = (), offset: int = 0, size: int | None = None
    ) -> list[AnswerRow]:
        """Rows of an answer, in its own order or another. Raises `NoLongerKept`."""
        if answer.id not in self._kept:
            raise NoLongerKept("this result is no longer kept: run the report again")
        self._kept.move_to_end(answer.id)

        def work(cursor: Cursor) -> list[AnswerRow]:
            return _rows(cursor, answer, f"kept.a{answer.id}", order, size, offset)

        return await self._copy.engine.work(work)


def _rows(
    cursor: Cursor,
    answer: Answer,
    table: str,
    order: Sequence[Order],
    size: int | None,
    offset: int = 0,
) -> list[AnswerRow]:
    limit = f" limit {int(size)}" if size is not None else ""
    cursor.execute(
        f"select * from {table} where not _total"
        f" {ordered(order, '_row')}{limit} offset {int(offset)}"
    )
    names = [column[0] for column in cursor.description or ()]
    return [_row(answer, names, values) for values in cursor.fetchall()]


def _answer(
    cursor: Cursor, viewer: Viewer, ask: Ask, table: str, number: int, version: int
) -> Answer:
    """Make the table with an answer's rows; the totals are told, the rows are in it."""
    known = _known(cursor, ask)
    meant = Meant(ask, viewer, known)
    statement = groups(meant, ask.most or MOST_ROWS) if ask.by else listing(meant, MOST_ROWS)
    kind = "table" if number else "temp table"
    cursor.execute(f"create {kind} {table} as {statement}", meant.values)
    if ask.by:
        cursor.execute(f"select * from {table} where _total")
    else:
        meant = Meant(ask, viewer, known)
        cursor.execute(totals(meant), meant.values)
    names = [column[0] for column in cursor.description or ()]
    figures = dict(zip(names, cursor.fetchone() or (), strict=True))
    kept = cursor.execute(f"select count(*) from {table} where not _total").fetchone()
    return Answer(
        id=number,
        columns=(*ask.by, *ask.measures) if ask.by else ask.columns,
        rows=kept[0] if kept else 0,
        sides=figures["_rows"],
        calls=figures["_calls"],
        totals={name: _value(figures[name]) for name in ask.measures},
        version=version,
    )


def _known(cursor: Cursor, ask: Ask) -> Known:
    """What a question needs to know of the copy; now stands for an instant where there is none."""
    table = "call" if ask.subject == "calls" else "quality"
    first, last = cursor.execute(f"select min(began), max(began) from {table}").fetchone() or (
        None,
        None,
    )
    site = cursor.execute("select id from site where first").fetchone()
    now = datetime.now(UTC)
    return Known(
        first.replace(tzinfo=UTC) if first else now,
        last.replace(tzinfo=UTC) if last else now,
        site[0] if site else 0,
    )


def _row(answer: Answer, names: Sequence[str], values: Sequence[Cell]) -> AnswerRow:
    found = dict(zip(names, values, strict=True))
    return AnswerRow(
        values=tuple(_value(found[name]) for name in answer.columns),
        call=str(found.get("_call") or ""),
        keys={
            name.removeprefix("_key_"): str(value)
            for name, value in found.items()
            if name.startswith("_key_") and value is not None
        },
    )


def _value(value: Cell) -> Cell:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value
