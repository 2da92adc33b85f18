"""Proves, before the first lock, that a locked line still reaches help and reaches nothing outside.

Reads the part of the dial plan that a line with the lock rights could use, by `executeSQLQuery`,
and asks `dialplan` what becomes of each number. The plan is kept for a minute, since many lines
are locked through the same calling search space. Ordinary directory numbers, of which there may
be forty thousand, are read only where a number in question is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import trio

from pbx.cucm.dialplan import Analysis, DialPlan, Pattern, Verdict
from pbx.cucm.sql import in_list, quoted
from pbx.port import PbxLine, Proof

Rows = list[dict[str, str]]
Query = Callable[[str], Awaitable[Rows]]

PAGE = 1000
_MAX_ROUNDS = 10

_PATTERNS = (
    "np.pkid as pkid, np.dnorpattern as pattern, rp.name as partition,"
    " np.tkpatternusage as usage, np.blockenable as blocked, css.name as css,"
    " ddi.name as discard, np.calledpartytransformationmask as mask, np.prefixdigitsout as prefix"
    " from numplan np left join routepartition rp on np.fkroutepartition = rp.pkid"
    " left join callingsearchspace css on np.fkcallingsearchspace_translation = css.pkid"
    " left join digitdiscardinstruction ddi on np.fkdigitdiscardinstruction = ddi.pkid"
)
_NO_PLAIN_NUMBER = (
    "(np.tkpatternusage <> 2 or np.dnorpattern like '%X%' or np.dnorpattern like '%[%'"
    " or np.dnorpattern like '%!%')"
)


@dataclass(slots=True)
class _Plan:
    """What has been read of the dial plan, and when that began."""

    read_at: float
    search_spaces: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    patterns: dict[str, list[Pattern]] = field(default_factory=dict[str, list[Pattern]])
    numbers: set[str] = field(default_factory=set[str])

    def plan(self) -> DialPlan:
        patterns = {partition: tuple(rows) for partition, rows in self.patterns.items()}
        return DialPlan(dict(self.search_spaces), patterns)


class Prover:
    """Reads and keeps the dial plan, and judges lines by it."""

    def __init__(self, query: Query, ttl_s: float) -> None:
        self._query = query
        self._ttl_s = ttl_s
        self._plan: _Plan | None = None
        self._mutex = trio.Lock()

    async def prove(
        self, line: PbxLine, rights: str, emergency: Sequence[str], outside: Sequence[str]
    ) -> Proof:
        """See `pbx.port.LineLocker.prove`."""
        device_css = await self._device_search_spaces(line.devices)
        async with self._mutex:
            starts = {(rights, css) for css in device_css.values() or ("",)}
            plan = await self._read(starts, [*emergency, *outside])
        if rights and rights not in plan.search_spaces:
            return Proof(False, f"Cisco UCM has no calling search space {rights}")
        for device, css in device_css.items() or (("", ""),):
            partitions = plan.partitions(rights, css)
            where = _where(rights, device, css)
            for digits in emergency:
                result = plan.analyse(partitions, digits)
                if result.verdict is not Verdict.ROUTED:
                    return Proof(False, f"{where}: emergency number {digits} {_failed(result)}")
            for digits in outside:
                result = plan.analyse(partitions, digits)
                if result.verdict in (Verdict.ROUTED, Verdict.UNDECIDED):
                    return Proof(False, f"{where}: outside number {digits} {_open(result)}")
        return Proof(True)

    async def _device_search_spaces(self, devices: Sequence[str]) -> dict[str, str]:
        if not devices:
            return {}
        rows = await self._query(
            "select d.name as device, css.name as css from device d"  # noqa: S608 - quoted
            " left join callingsearchspace css on d.fkcallingsearchspace = css.pkid"
            f" where d.name in {in_list(devices)}"
        )
        return {row["device"]: row.get("css", "") for row in rows}

    async def _read(self, starts: set[tuple[str, str]], digits: Sequence[str]) -> DialPlan:
        """The plan with all that these numbers can touch from these calling search spaces."""
        now = trio.current_time()
        if self._plan is None or now - self._plan.read_at > self._ttl_s:
            self._plan = _Plan(read_at=now)
        read, wanted_numbers = self._plan, set(digits)
        search_spaces = {name for start in starts for name in start} - {""}
        for _ in range(_MAX_ROUNDS):
            await self._read_search_spaces(read, search_spaces)
            await self._read_partitions(read)
            await self._read_numbers(read, wanted_numbers)
            plan = read.plan()
            search_spaces = _continued(read) - set(read.search_spaces)
            wanted_numbers = _translated(plan, starts, digits) - read.numbers
            if not search_spaces and not wanted_numbers:
                break
        return read.plan()

    async def _read_search_spaces(self, read: _Plan, names: Iterable[str]) -> None:
        new = [name for name in names if name not in read.search_spaces]
        if not new:
            return
        rows = await self._query(
            "select css.name as css, rp.name as partition, m.sortorder as sortorder"  # noqa: S608 - quoted
            " from callingsearchspace css"
            " left join callingsearchspacemember m on m.fkcallingsearchspace = css.pkid"
            " left join routepartition rp on m.fkroutepartition = rp.pkid"
            f" where css.name in {in_list(new)} order by css.name, m.sortorder"
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            members = found.setdefault(row["css"], [])
            members.extend([row["partition"]] if row.get("partition") else [])
        read.search_spaces.update({name: tuple(members) for name, members in found.items()})

    async def _read_partitions(self, read: _Plan) -> None:
        reachable = {"", *(name for members in read.search_spaces.values() for name in members)}
        new = [name for name in sorted(reachable) if name not in read.patterns]
        if not new:
            return
        where = f"{_NO_PLAIN_NUMBER} and {_in_partitions(new)}"
        rows = [row async for row in self._pages(where)]
        read.patterns.update({name: [] for name in new})
        _add(read, rows)
        # A number looked for earlier has not been looked for in the partitions just read.
        read.numbers.clear()

    async def _read_numbers(self, read: _Plan, wanted: set[str]) -> None:
        new = sorted(wanted - read.numbers)
        if not new:
            return
        stored = [number.replace("+", "\\+") for number in new]
        where = f"np.tkpatternusage = 2 and np.dnorpattern in {in_list(stored)}"
        rows = [row async for row in self._pages(f"{where} and {_in_partitions(read.patterns)}")]
        _add(read, rows)
        read.numbers.update(new)

    async def _pages(self, where: str) -> AsyncIterator[dict[str, str]]:
        skip = 0
        while True:
            rows = await self._query(
                f"select skip {skip} first {PAGE} {_PATTERNS} where {where} order by np.pkid"
            )
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            skip += PAGE


def _in_partitions(names: Iterable[str]) -> str:
    named = [quoted(name) for name in names if name]
    without = "np.fkroutepartition is null"
    return f"({without} or rp.name in ({','.join(named)}))" if named else without


def _add(read: _Plan, rows: Rows) -> None:
    for row in rows:
        pattern = Pattern(
            text=row["pattern"],
            partition=row.get("partition", ""),
            usage=int(row.get("usage") or 0),
            blocked=row.get("blocked", "") == "t",
            search_space=row.get("css") or None,
            discard=row.get("discard", ""),
            mask=row.get("mask", ""),
            prefix=row.get("prefix", ""),
        )
        known = read.patterns.setdefault(pattern.partition, [])
        if pattern not in known:
            known.append(pattern)


def _continued(read: _Plan) -> set[str]:
    """The calling search spaces in which translations go on."""
    rows = (pattern for patterns in read.patterns.values() for pattern in patterns)
    return {pattern.search_space for pattern in rows if pattern.search_space is not None}


def _translated(plan: DialPlan, starts: set[tuple[str, str]], digits: Sequence[str]) -> set[str]:
    """What translations make of these numbers, dialled with these rights."""
    results = [plan.analyse(plan.partitions(*start), d) for start in starts for d in digits]
    return {r.digits for r in results} | {hop for r in results for hop in r.hops}


def _where(rights: str, device: str, css: str) -> str:
    line = f"calling search space {rights}" if rights else "no calling search space"
    if not device:
        return f"With {line} on the line"
    return f"With {line} on the line and {css or 'none'} on device {device}"


def _failed(result: Analysis) -> str:
    return f"cannot be dialled, since {result.reason}"


def _open(result: Analysis) -> str:
    if result.verdict is Verdict.UNDECIDED:
        return f"may still be dialled, since {result.reason}"
    return f"can still be dialled, since {result.reason}"
