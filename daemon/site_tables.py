"""The site file's sections as they are written: strict about keys and types, nothing looked up yet.

msgspec knows the types; the wording is ours, since its reader is somebody with an editor open.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast, get_args, get_origin

import msgspec

from rating.periods import Period
from storage.people import Role, Scope
from telephony.plant import GatewayKind


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section of the file."""


class TopTable(Table, frozen=True):
    """What stands above the sections."""

    currency: str | None = None
    time_zone: str | None = None
    custom_fields: tuple[str, ...] | None = None


class SiteTable(Table, frozen=True):
    """`[[site]]`."""

    name: str
    country: str
    time_zone: str
    area_code: str = ""
    outside_prefix: str = ""
    emergency: tuple[str, ...] = ()
    language: str = ""
    masked_digits: int | None = None


class GatewayTable(Table, frozen=True):
    """`[[gateway]]`."""

    device: str
    site: str
    kind: GatewayKind
    name: str = ""
    tariff: str | None = None


class TariffTable(Table, frozen=True):
    """`[[tariff]]`; `valid_from` is a TOML date or date-time, or the same as text."""

    name: str
    file: str
    currency: str | None = None
    valid_from: Any = None


class PersonTable(Table, frozen=True):
    """`[[person]]`; `password` and `pin` are in the clear here and nowhere behind `apply`."""

    login: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    extension: str = ""
    partition: str = ""
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    site: str | None = None
    role: Role = "user"
    scope: Scope | None = None
    language: str | None = None
    masked_digits: int | None = None
    custom_1: str | None = None
    custom_2: str | None = None
    custom_3: str | None = None
    custom_4: str | None = None
    custom_5: str | None = None
    custom_6: str | None = None
    custom_7: str | None = None
    custom_8: str | None = None
    custom_9: str | None = None
    custom_10: str | None = None
    password: str | None = None
    pin: str | None = None


class BudgetTable(Table, frozen=True):
    """`[[budget]]`; exactly one of `person`, `department` and `cost_centre` says for whom."""

    amount: str
    period: Period
    person: str | None = None
    department: str | None = None
    cost_centre: str | None = None
    each: bool = False
    carry_over: bool = False
    warn_at_percent: tuple[int, ...] = ()
    lock: bool = True


SECTIONS: Mapping[str, tuple[type[Table], str]] = {
    "site": (SiteTable, "name"),
    "gateway": (GatewayTable, "device"),
    "tariff": (TariffTable, "name"),
    "person": (PersonTable, "login"),
    "budget": (BudgetTable, ""),
}
"""Each section's table and the key that names one of them in a message."""

T = TypeVar("T", bound=Table)


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A table and how a message names the place it stands at."""

    where: str
    table: T


@dataclass(frozen=True, slots=True)
class Tables:
    """The whole file; tables with a problem are absent, their names are in `named` all the same."""

    top: TopTable
    sites: tuple[Placed[SiteTable], ...]
    gateways: tuple[Placed[GatewayTable], ...]
    tariffs: tuple[Placed[TariffTable], ...]
    people: tuple[Placed[PersonTable], ...]
    budgets: tuple[Placed[BudgetTable], ...]
    named: Mapping[str, frozenset[str]]


def read_tables(document: Mapping[str, Any], problems: list[str]) -> Tables:
    """Sort a parsed TOML document into tables, adding every problem met to `problems`."""
    top = {key: value for key, value in document.items() if key not in SECTIONS}
    read: dict[str, tuple[Placed[Any], ...]] = {}
    named: dict[str, frozenset[str]] = {}
    for section, (kind, naming) in SECTIONS.items():
        entries = _entries(section, document.get(section, []), problems)
        placed = [(_where(section, n, entry, naming), entry) for n, entry in enumerate(entries, 1)]
        tables = [(where, read_table(kind, entry, where, problems)) for where, entry in placed]
        read[section] = tuple(Placed(where, table) for where, table in tables if table is not None)
        named[section] = frozenset(str(entry.get(naming, "")) for entry in entries)
    return Tables(
        top=read_table(TopTable, top, "top of the file", problems, SECTIONS) or TopTable(),
        sites=read["site"],
        gateways=read["gateway"],
        tariffs=read["tariff"],
        people=read["person"],
        budgets=read["budget"],
        named=named,
    )


def read_table(
    kind: type[T],
    entry: Mapping[str, Any],
    where: str,
    problems: list[str],
    other_keys: Mapping[str, object] | None = None,
) -> T | None:
    """One table, or None with its `problems` told; `other_keys` are known elsewhere."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    found = [_unknown(key, [*fields, *(other_keys or ())]) for key in entry if key not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in entry and _holds_nul(entry[name]):
            found.append(f"`{name}` holds a NUL character (\\u0000): remove it")
        elif name in entry:
            try:
                values[name] = msgspec.convert(entry[name], field.type, strict=True)
            except msgspec.ValidationError:
                found.append(f"`{name}` must be {_expected(field.type)}, not {_told(entry[name])}")
        elif field.required:
            found.append(f"`{name}` is missing: write {name} = {_expected(field.type)}")
    problems.extend(f"{where}: {problem}" for problem in found)
    return None if found else kind(**values)


def _holds_nul(value: object) -> bool:
    """Whether a text, or one of a list of them, holds what PostgreSQL stores in no text."""
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    return any(isinstance(text, str) and "\0" in text for text in texts)


def _entries(section: str, value: object, problems: list[str]) -> list[Mapping[str, Any]]:
    entries = cast("list[Any]", value) if isinstance(value, list) else [None]
    if all(isinstance(entry, dict) for entry in entries):
        return cast("list[Mapping[str, Any]]", entries)
    problems.append(f"`{section}`: write each one as a section of its own, [[{section}]]")
    return []


def _where(section: str, number: int, entry: Mapping[str, Any], naming: str) -> str:
    name = entry.get(naming)
    return f"[[{section}]] {number}" + (f" ({name})" if name else "")


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"unknown key `{key}`" + (f": did you mean `{near[0]}`?" if near else "; remove it")


def _expected(kind: object) -> str:
    """What to write for a type, as the reader of a message would."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(kind))
    parts = get_args(kind)
    if type(None) in parts:
        return _expected(next(part for part in parts if part is not type(None)))
    if parts:
        return "a list of whole numbers, [80]" if parts[0] is int else 'a list of texts, ["112"]'
    if kind is int:
        return "a whole number, 3"
    return "true or false" if kind is bool else 'text in quotes, "..."'


def _told(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
