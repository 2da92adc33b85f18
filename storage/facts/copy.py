"""The analytic copy kept in step with the books.

Every question first asks whether anything has changed and takes it over, so that an answer has
every call that was committed when it was asked. Losing the copy loses nothing but the time it takes
to make another.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from storage.database import Database
from storage.facts import changes
from storage.facts.changes import Known, Minutes, Outlook, Taken
from storage.facts.engine import IN_MEMORY, Cursor, Engine, EngineSettings, open_engine
from storage.facts.tables import CALL, PREFIX, QUALITY, REFERENCES, SHAPE, plan_row, schema
from telephony.countries import nation
from telephony.errors import RingfenceError

T = TypeVar("T")


WITHIN_MINUTES = 24 * 60
"""A voice report belongs to a call that began within the day before it."""

FIRST_COPY_S = 2.0
"""How long a question waits for the copy to be made; a large one takes longer."""


class NotReady(RingfenceError):
    """The copy is being made from all calls; `percent` of them are in it."""

    def __init__(self, percent: int) -> None:
        super().__init__(f"the calls are being prepared for reports: {percent} % done")
        self.percent = percent


@dataclass(slots=True)
class _State:
    known: Known = field(default_factory=Known)
    complete: bool = False
    percent: int = 0
    version: int = 0


class FactsCopy:
    """The copy and what keeps it in step. Made by `open_copy`, one in a process."""

    def __init__(self, engine: Engine, database: Database, folder: Path) -> None:
        self.engine = engine
        self._database = database
        self._folder = folder
        self._state = _State()
        self._mutex = trio.Lock()
        self._own_thread = trio.CapacityLimiter(1)

    @property
    def version(self) -> int:
        """Counts changes the copy has taken over: an answer is as good as its version."""
        return self._state.version

    @property
    def percent(self) -> int:
        """How much of it is made: 100 from when every question is answered of all calls."""
        return 100 if self._state.complete else self._state.percent

    async def ask(self, work: Callable[[Cursor], T], *, patience_s: float | None = None) -> T:
        """Run `work(cursor)` on every call committed by now.

        Raises `NotReady` while the copy is made for the first time, `TooSlow`, `StorageError`,
        `StorageUnavailable`.
        """
        await self.refresh()
        if patience_s is None:
            return await self.engine.work(work)
        return await self.engine.work(work, patience_s=patience_s)

    async def refresh(self) -> int:
        """Take over what has changed; the version after it. Raises `NotReady`."""
        if not self._state.complete and self._mutex.locked():
            await self._wait_for_the_first()
        looked = await self._database.unit_of_work(changes.look, self._state.known)
        if looked == "same" and self._state.complete:
            return self._state.version
        async with self._mutex:
            while not self._state.complete or await self._take_over() == "anew":
                await self._make_anew()
        return self._state.version

    async def _wait_for_the_first(self) -> None:
        """Somebody makes the copy: wait a moment, which is enough for a small company."""
        with trio.move_on_after(FIRST_COPY_S):
            async with self._mutex:
                return
        raise NotReady(self._state.percent)

    async def load(self) -> None:
        """Read what the file says of itself; begin an empty copy where it says nothing of use."""

        def read(cursor: Cursor) -> tuple[str, int, bool] | None:
            known = cursor.execute(
                "select 1 from duckdb_tables() where table_name = 'state'"
            ).fetchone()
            if known is None:
                return None
            return cursor.execute(
                "select copy_id, reference, complete from state where shape = ?", [SHAPE]
            ).fetchone()  # type: ignore[return-value] - three columns

        row = await self.engine.work(read)
        if row is not None:
            self._state.known, self._state.complete = Known(row[0], row[1]), row[2]

    async def _take_over(self) -> Outlook:
        """Take over every change there is; `anew` where the copy is of other books."""
        looked = await self._database.unit_of_work(changes.look, self._state.known)
        if looked != "changed":
            return looked
        taken = await self._database.unit_of_work(changes.take, self._state.known, self._folder)
        if taken.known.copy_id != self._state.known.copy_id:
            return "anew"
        await self._work(partial(_put_in, taken))
        await self._database.unit_of_work(changes.done, taken.ids)
        self._state.known = taken.known
        self._state.version += 1
        return "changed"

    async def _make_anew(self) -> None:
        self._state.complete, self._state.percent = False, 0
        await self._work(_empty)
        taken, months = await self._database.unit_of_work(changes.begin_anew, self._folder)
        await self._work(partial(_put_in, taken))
        for number, month in enumerate(months):
            self._state.percent = 100 * number // len(months)
            part = await self._database.unit_of_work(changes.month, month, self._folder)
            await self._work(partial(_put_in, part))
        await self._work(_complete)
        self._state.known = taken.known
        self._state.complete = True
        self._state.version += 1

    async def _work(self, work: Callable[[Cursor], T]) -> T:
        return await self.engine.work(work, patience_s=None, limit=self._own_thread)


@asynccontextmanager
async def open_copy(
    database: Database, settings: EngineSettings = IN_MEMORY
) -> AsyncGenerator[FactsCopy]:
    """Open the copy for as long as the block lasts; in memory where no folder is given."""
    async with open_engine(settings) as engine:
        with tempfile.TemporaryDirectory(
            prefix="facts-", dir=engine.folder, ignore_cleanup_errors=True
        ) as folder:
            copy = FactsCopy(engine, database, Path(folder))
            await copy.load()
            yield copy


def _empty(cursor: Cursor) -> None:
    for statement in schema():
        cursor.execute(statement)
    cursor.execute("insert into state values (?, '', 0, false)", [SHAPE])


def _complete(cursor: Cursor) -> None:
    cursor.execute("update state set complete = true")


def _put_in(taken: Taken, cursor: Cursor) -> None:
    """Replace what `taken` names by what its files hold."""
    for name, path in taken.files.items():
        if name in REFERENCES:
            cursor.execute(f"delete from {name}")
            cursor.execute(f"insert into {name} {_read(REFERENCES[name].columns, path)}")
    if "site" in taken.files:
        _plans(cursor)
    if "calls" in taken.spans:
        _forget(cursor, "call", taken.spans["calls"])
        _insert_calls(cursor, taken.files["calls"])
    if "quality" in taken.spans:
        _forget(cursor, "quality", taken.spans["quality"])
        rows = _read(QUALITY, taken.files["quality"])
        cursor.execute(f"insert into quality select *, null, null from ({rows})")
    if taken.spans:
        minutes = [span for spans in taken.spans.values() for span in spans]
        _own_reports(cursor, tuple(sorted(minutes)))
    for path in taken.files.values():
        path.unlink(missing_ok=True)
    if taken.known.copy_id:
        cursor.execute(
            "update state set copy_id = ?, reference = ?",
            [taken.known.copy_id, taken.known.reference],
        )


def _read(columns: str, path: Path) -> str:
    """The rows of a CSV file as PostgreSQL writes it: only what is not quoted can be null."""
    fields = [column.split(maxsplit=1) for column in _split(columns)]
    names = ", ".join(f"'{name}': '{kind}'" for name, kind in fields)
    place = str(path).replace("'", "''")
    options = (
        "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"',"
        " nullstr = '', allow_quoted_nulls = false, max_line_size = 10000000"
    )
    return f"select * from read_csv('{place}', {options}, columns = {{{names}}})"


def _split(columns: str) -> list[str]:
    return [part.strip() for part in re.split(r",(?![^(]*\))", columns)]


def _forget(cursor: Cursor, table: str, spans: tuple[Minutes, ...]) -> None:
    first, last = spans[0][0], spans[-1][1]
    cursor.execute("create or replace temp table span (begins timestamp, ends timestamp)")
    cursor.executemany(
        "insert into span values (epoch_ms(? * 60000::bigint), epoch_ms(? * 60000::bigint))",
        spans,
    )
    # The outer limits let the engine pass over whatever lies far from them.
    cursor.execute(
        f"delete from {table} where began >= epoch_ms(? * 60000::bigint)"
        " and began < epoch_ms(? * 60000::bigint)"
        f" and exists (select 1 from span where {table}.began >= begins and {table}.began < ends)",
        [first, last],
    )


def _insert_calls(cursor: Cursor, path: Path) -> None:
    cursor.execute(f"create or replace temp table come as {_read(CALL, path)}")
    unknown = cursor.execute(
        f"select {PREFIX} as digits from come where e164 <> '' group by 1"
        " having digits not in (select digits from prefix)"
    ).fetchall()
    if unknown:
        known = [row[0] for row in unknown]
        cursor.execute(
            "insert into prefix select unnest(?::varchar[]), unnest(?::varchar[])",
            [known, [nation(digits) for digits in known]],
        )
    cursor.execute(
        "insert into call select c.*, coalesce(p.nation, '') from come c"
        f" left join prefix p on p.digits = {PREFIX.replace('e164', 'c.e164')} order by c.began"
    )
    cursor.execute("drop table come")


def _own_reports(cursor: Cursor, spans: tuple[Minutes, ...]) -> None:
    """Say anew whose the voice reports are that calls of these spans may tell."""
    first = spans[0][0]
    last = max(span[1] for span in spans) + WITHIN_MINUTES
    day = f"interval {WITHIN_MINUTES} minute"
    cursor.execute(
        "update quality set person_id = o.person_id, unit_id = o.unit_id from ("
        f" select q.rowid as rid, c.began >= q.began - {day} as near,"
        " if(near, c.person_id, null) as person_id, if(near, c.unit_id, null) as unit_id"
        " from quality q asof left join call c on c.extension = q.extension and c.began <= q.began"
        " where q.began >= epoch_ms(? * 60000::bigint) and q.began < epoch_ms(? * 60000::bigint)"
        ") o where quality.rowid = o.rid and (quality.person_id is distinct from o.person_id"
        " or quality.unit_id is distinct from o.unit_id)",
        [first, last],
    )


def _plans(cursor: Cursor) -> None:
    """The dial plans of the countries there are sites in."""
    rows = cursor.execute("select distinct country from site").fetchall()
    cursor.execute("delete from plan")
    for (code,) in rows:
        cursor.execute("insert into plan values (?, ?, ?, ?)", list(plan_row(code)))
