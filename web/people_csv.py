"""Lists of people as CSV: written for a spreadsheet, read from whatever a spreadsheet makes.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, which
reading takes off again, so that a list read back is the list that was written.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from storage.people_listing import Listed
from telephony.plant import ExtensionKey
from web.person_fields import CUSTOM, Wrong
from words.cells import escaped, unescaped
from words.language import N_

COLUMNS = (
    "login",
    "first_name",
    "last_name",
    "email",
    "extension",
    "partition",
    "department",
    "cost_centre",
    "office",
    "site",
    "role",
    "scope",
    "language",
    "time_format",
    "masked_digits",
    "disabled",
    *CUSTOM,
)
"""The columns' names: those of the site file's `[[person]]`. Only `login` must be there."""

MOST_ROWS = 200_000
_MOST_CELL = 100_000
_DELIMITERS = (",", ";", "\t")


class NotReadable(Exception):
    """The file is no list of people; `wrong` says why."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.message)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: the line on which it begins, its cells by column, how many were too many."""

    line: int
    cells: Mapping[str, str]
    surplus: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list as it was read. `unknown` columns are left out; each with the name it may mean."""

    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    encoding: str
    delimiter: str
    unknown: tuple[tuple[str, str], ...]


# Writing ------------------------------------------------------------------------------------------


def written(people: Iterable[Listed]) -> bytes:
    """The list in UTF-8 with its mark, header first. Blocks: many people belong in a thread."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for person in people:
        cells = cells_of(person)
        writer.writerow([escaped(cells[name]) for name in COLUMNS])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def cells_of(person: Listed) -> dict[str, str]:
    """A person as the cells of a row, not yet escaped."""
    number, partition = _numbers(person.extensions)
    cells = {
        "login": person.login,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "extension": number,
        "partition": partition,
        "department": person.department,
        "cost_centre": person.cost_centre,
        "office": person.office,
        "site": person.site,
        "role": person.role,
        "scope": person.scope or "",
        "language": person.language,
        "time_format": person.time_format,
        "masked_digits": "" if person.masked_digits is None else str(person.masked_digits),
        "disabled": "yes" if person.disabled else "no",
    }
    return cells | dict(zip(CUSTOM, person.custom, strict=True))


def _numbers(keys: tuple[ExtensionKey, ...]) -> tuple[str, str]:
    if len(keys) == 1:
        return keys[0].number, keys[0].partition
    return " ".join(f"{k.number}@{k.partition}" if k.partition else k.number for k in keys), ""


# Reading ------------------------------------------------------------------------------------------


def read(content: bytes) -> Sheet:
    """Read a list. Raises `NotReadable`. Blocks: many people belong in a thread."""
    text, encoding = _decoded(content)
    header, _, _ = text.lstrip("\r\n").partition("\n")
    if not header.strip(" ,;\t\r"):
        raise NotReadable(Wrong(N_("The file is empty.")))
    delimiter = _delimiter(header)
    lines = _lines(text, delimiter)
    _, named = next(lines)
    columns, unknown = _columns(named)
    rows = _rows(lines, columns)
    known = tuple(name for name in columns if name)
    return Sheet(known, rows, encoding, delimiter, unknown)


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with the line on which it begins."""
    csv.field_size_limit(_MOST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        values = {"line": begins, "reason": str(error)}
        wrong = Wrong(N_("Line %(line)s cannot be read: %(reason)s."), values)
        raise NotReadable(wrong) from error


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        tries = [("utf-16", "UTF-16")]
    else:
        tries = [("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")]
    for codec, name in tries:
        try:
            return content.decode(codec), name
        except UnicodeDecodeError:
            continue
    raise NotReadable(
        Wrong(N_("The letters of this file are in no known encoding. Save it as CSV in UTF-8."))
    )


def _delimiter(header: str) -> str:
    """Which one gives most of the columns we know."""

    def known(delimiter: str) -> int:
        lines = csv.reader([header], delimiter=delimiter)
        return sum(_column_name(cell) in COLUMNS for cells in lines for cell in cells)

    return max(_DELIMITERS, key=known)


def _column_name(cell: str) -> str:
    return re.sub(r"[\s\-]+", "_", cell.strip().lower())


def _columns(header: list[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """What each column is, empty where it is none of ours, and those that are not."""
    names = [_column_name(cell) for cell in header]
    if "login" not in names:
        raise NotReadable(
            Wrong(N_("The first line must name the columns, and one of them must be “login”."))
        )
    twice = next((n for n in names if n in COLUMNS and names.count(n) > 1), "")
    if twice:
        raise NotReadable(Wrong(N_("The column “%(name)s” is there twice."), {"name": twice}))
    unknown = tuple(
        (cell.strip(), next(iter(difflib.get_close_matches(name, COLUMNS, 1)), ""))
        for cell, name in zip(header, names, strict=True)
        if name not in COLUMNS and cell.strip()
    )
    return tuple(name if name in COLUMNS else "" for name in names), unknown


def _rows(lines: Iterable[tuple[int, list[str]]], columns: tuple[str, ...]) -> tuple[SheetRow, ...]:
    rows: list[SheetRow] = []
    for line, cells in lines:
        named = zip(columns, cells, strict=False)
        texts = {name: unescaped(cell).strip() for name, cell in named if name}
        surplus = sum(bool(cell.strip()) for cell in cells[len(columns) :])
        rows.append(SheetRow(line, texts, surplus))
        if len(rows) > MOST_ROWS:
            wrong = Wrong(N_("A list may have %(most)s people."), {"most": MOST_ROWS})
            raise NotReadable(wrong)
    return tuple(rows)
