"""The lab's configuration database: the tables and columns of Cisco UCM's own that AXL reads.

`executeSQLQuery` runs the adapter's SQL on it literally: Informix's `select skip n first m` is
translated, what Informix does not know (`limit`) is refused, booleans are `t` and `f`.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from pbx.cucm.dialplan import DIRECTORY_NUMBER, DialPlan, Pattern
from pbx.lab.company import LabCompany, LabExtension

_SCHEMA = """
create table routepartition (pkid text primary key, name text unique);
create table callingsearchspace (pkid text primary key, name text unique, clause text);
create table callingsearchspacemember (
    pkid text primary key, fkcallingsearchspace text, fkroutepartition text, sortorder integer);
create table digitdiscardinstruction (pkid text primary key, name text);
create table numplan (
    pkid text primary key, dnorpattern text not null, fkroutepartition text,
    tkpatternusage integer not null, description text default '', blockenable text default 'f',
    patternurgency text default 'f', fkcallingsearchspace_sharedlineappear text,
    fkcallingsearchspace_translation text, fkdigitdiscardinstruction text,
    calledpartytransformationmask text default '', prefixdigitsout text default '');
create unique index numplan_pattern on numplan (dnorpattern, coalesce(fkroutepartition, ''));
create table device (
    pkid text primary key, name text unique, description text, fkcallingsearchspace text,
    tkclass integer default 1);
create table devicenumplanmap (
    pkid text primary key, fkdevice text, fknumplan text, numplanindex integer);
"""
_PAGE = re.compile(r"^\s*select(?:\s+skip\s+(\d+))?(?:\s+first\s+(\d+))?\s", re.IGNORECASE)
_NAMESPACE = uuid.UUID("7b6a0a34-52a4-5d3b-9a33-6f3e6d0f6c11")


class SqlRefused(Exception):
    """The database did not like a statement."""


class LineRow(NamedTuple):
    """A directory number as the database has it."""

    pkid: str
    pattern: str
    partition: str
    partition_key: str
    css: str
    css_key: str
    description: str


class LabDatabase:
    """A cluster's configuration, in memory."""

    def __init__(self, company: LabCompany) -> None:
        self.company = company
        self._sql = sqlite3.connect(":memory:", check_same_thread=False)
        self._sql.executescript(_SCHEMA)
        self._fill(company)

    def close(self) -> None:
        """Forget everything."""
        self._sql.close()

    def _fill(self, company: LabCompany) -> None:
        for name, members in company.search_spaces():
            self.add_search_space(name, members)
        self._insert("digitdiscardinstruction", "PreDot", name="PreDot")
        for row in company.patterns():
            self._insert(
                "numplan",
                f"{row.pattern}@{row.partition}",
                dnorpattern=row.pattern,
                fkroutepartition=self._partition(row.partition),
                tkpatternusage=row.usage,
                blockenable="t" if row.blocked else "f",
                fkcallingsearchspace_translation=_key(row.css) if row.css else None,
                fkdigitdiscardinstruction=_key(row.discard) if row.discard else None,
                calledpartytransformationmask=row.mask,
                prefixdigitsout=row.prefix,
            )
        for extension in company.extensions:
            self._add_line(extension)
        self._sql.commit()

    def add_search_space(self, name: str, partitions: Sequence[str]) -> None:
        """A calling search space and whichever of its partitions are new."""
        self._insert("callingsearchspace", name, name=name, clause=":".join(partitions))
        for order, partition in enumerate(partitions, 1):
            self._insert(
                "callingsearchspacemember",
                f"{name}/{partition}",
                fkcallingsearchspace=_key(name),
                fkroutepartition=self._partition(partition),
                sortorder=order,
            )

    def _add_line(self, extension: LabExtension) -> None:
        site = self.company.site(extension.site)
        css = site.unlocked_css if extension.css is None else extension.css
        pattern = extension.number.replace("+", "\\+")
        identity = f"{pattern}@{extension.partition}"
        self._insert(
            "numplan",
            identity,
            dnorpattern=pattern,
            fkroutepartition=self._partition(extension.partition),
            tkpatternusage=DIRECTORY_NUMBER,
            description=extension.name,
            fkcallingsearchspace_sharedlineappear=_key(css) if css else None,
        )
        for name in extension.all_devices:
            css = self.company.device_css
            if not self.rows("select pkid from device where name = ?", name):
                self._insert(
                    "device",
                    name,
                    name=name,
                    description=extension.name,
                    fkcallingsearchspace=_key(css) if css else None,
                )
            index = len(
                self.rows("select pkid from devicenumplanmap where fkdevice = ?", _key(name))
            )
            self._insert(
                "devicenumplanmap",
                f"{name}/{identity}",
                fkdevice=_key(name),
                fknumplan=_key(identity),
                numplanindex=index + 1,
            )

    def _partition(self, name: str) -> str | None:
        if not name:
            return None
        if not self.rows("select pkid from routepartition where name = ?", name):
            self._insert("routepartition", name, name=name)
        return _key(name)

    def _insert(self, table: str, identity: str, **columns: str | int | None) -> None:
        names = ", ".join(["pkid", *columns])
        marks = ", ".join("?" * (len(columns) + 1))
        self._sql.execute(
            f"insert into {table} ({names}) values ({marks})",  # noqa: S608 - our own names
            [_key(identity), *columns.values()],
        )

    def rows(self, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        """Our own questions, in SQLite's dialect."""
        return self._sql.execute(sql, arguments).fetchall()  # pyright: ignore[reportArgumentType]

    def query(self, sql: str) -> list[list[tuple[str, str | None]]]:
        """What `executeSQLQuery` returns: rows of column names and texts.

        Raises:
            SqlRefused: It is no query, or none that Informix would run.
        """
        page = _PAGE.match(sql)
        if page is None or ";" in sql or re.search(r"\b(limit|offset)\b", sql, re.IGNORECASE):
            raise SqlRefused("A syntax error has occurred.")
        skip, first = page.groups()
        plain = f"select {sql[page.end() :]}"
        if first is not None or skip is not None:
            plain += f" limit {first or -1} offset {skip or 0}"
        try:
            cursor = self._sql.execute(plain)
        except sqlite3.Error as error:
            raise SqlRefused(str(error)) from error
        names = [str(column[0]).lower() for column in cursor.description]
        return [
            [(n, None if v is None else str(v)) for n, v in zip(names, row, strict=True)]
            for row in cursor.fetchall()
        ]

    def lines(self, where: str, *arguments: object) -> list[LineRow]:
        """Directory numbers; `where` speaks of `np`, `rp` and `css`."""
        rows = self.rows(
            "select np.pkid, np.dnorpattern, coalesce(rp.name, ''), coalesce(rp.pkid, ''),"  # noqa: S608 - our own words
            " coalesce(css.name, ''), coalesce(css.pkid, ''), np.description"
            " from numplan np left join routepartition rp on np.fkroutepartition = rp.pkid"
            " left join callingsearchspace css"
            " on np.fkcallingsearchspace_sharedlineappear = css.pkid"
            f" where np.tkpatternusage = 2 and {where}",
            *arguments,
        )
        return [LineRow(*(str(value) for value in row)) for row in rows]

    def devices(self, line_key: str) -> list[str]:
        """The phones a line is on."""
        rows = self.rows(
            "select d.name from device d join devicenumplanmap m on m.fkdevice = d.pkid"
            " where m.fknumplan = ? order by d.name",
            line_key,
        )
        return [str(row[0]) for row in rows]

    def has_search_space(self, name: str) -> bool:
        """Whether this calling search space exists."""
        return bool(self.rows("select 1 from callingsearchspace where name = ?", name))

    def set_css(self, line_key: str, css: str) -> None:
        """Give a line a calling search space, or none."""
        self._sql.execute(
            "update numplan set fkcallingsearchspace_sharedlineappear ="
            " (select pkid from callingsearchspace where name = ?) where pkid = ?",
            (css, line_key),
        )

    def all_css(self) -> dict[str, str]:
        """The calling search space of every line, by its key."""
        return {row.pkid: row.css for row in self.lines("1 = 1")}

    def line_of(self, extension: LabExtension) -> LineRow:
        """The line of one of the company's extensions."""
        pattern = extension.number.replace("+", "\\+")
        return self.lines("np.pkid = ?", _key(f"{pattern}@{extension.partition}"))[0]

    def plan(self) -> DialPlan:
        """The whole dial plan, for digit analysis."""
        members: dict[str, list[str]] = {}
        for css, partition in self.rows(
            "select css.name, rp.name from callingsearchspace css"
            " left join callingsearchspacemember m on m.fkcallingsearchspace = css.pkid"
            " left join routepartition rp on rp.pkid = m.fkroutepartition"
            " order by css.name, m.sortorder"
        ):
            members.setdefault(str(css), []).extend([str(partition)] if partition else [])
        patterns: dict[str, list[Pattern]] = {}
        for text, partition, usage, blocked, css, discard, mask, prefix in self.rows(
            "select np.dnorpattern, coalesce(rp.name, ''), np.tkpatternusage,"
            " np.blockenable = 't', css.name, coalesce(ddi.name, ''),"
            " np.calledpartytransformationmask, np.prefixdigitsout from numplan np"
            " left join routepartition rp on np.fkroutepartition = rp.pkid"
            " left join callingsearchspace css on np.fkcallingsearchspace_translation = css.pkid"
            " left join digitdiscardinstruction ddi on np.fkdigitdiscardinstruction = ddi.pkid"
        ):
            patterns.setdefault(str(partition), []).append(
                Pattern(
                    str(text),
                    str(partition),
                    int(str(usage)),
                    bool(blocked),
                    None if css is None else str(css),
                    str(discard),
                    str(mask),
                    str(prefix),
                )
            )
        return DialPlan(
            {name: tuple(partitions) for name, partitions in members.items()},
            {name: tuple(rows) for name, rows in patterns.items()},
        )


def _key(identity: str) -> str:
    """The primary key of whatever has this name: the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, identity))
