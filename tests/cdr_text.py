"""Call-record files as text, out of legs: every width and spelling that phone systems write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pbx.cucm.cdr import _LEG_COLUMNS
from pbx.lab.cdr import CDR
from telephony.legs import Leg

NEWEST = CDR.columns
"""133 columns: CUCM 14 and 15. Older files have the first 129 or 118 of them."""

_MISSING_IN_CAR = {name for name in NEWEST if "ICID" in name or "IOI" in name} | set(NEWEST[129:])
CAR = tuple(
    name[0].lower() + name[1:] if name.startswith(("Incoming", "Outgoing")) else name
    for name in NEWEST
    if name not in _MISSING_IN_CAR
)
"""123 columns: the export of CDR Analysis and Reporting, which spells some names otherwise."""

_UNSET = CDR.line({}).split(",")
_TEXTS = {name.lower() for name in NEWEST if _UNSET[CDR.place[name]] == '""'}
"""Columns of text, as opposed to integers, in lower case."""


def columns_of(width: int) -> tuple[str, ...]:
    return CAR if width == 123 else NEWEST[:width]


def header(columns: Sequence[str], *, quoted: bool = True) -> str:
    return ",".join(f'"{name}"' if quoted else name for name in columns)


def line(leg: Leg, columns: Sequence[str] = NEWEST, *, quoted: bool = True) -> str:
    """A row, without its end. Unset integers are 0, or empty where the record leaves them so."""
    values = dict(zip((column.lower() for _, column in _LEG_COLUMNS), leg, strict=True))
    values["cdrrecordtype"] = 1
    cells: list[str] = []
    for name in columns:
        value = values.get(name.lower(), "" if name.lower() in _TEXTS else 0)
        cells.append(f'"{value}"' if quoted and name.lower() in _TEXTS else str(value))
    return ",".join(cells)


def text(legs: Iterable[Leg], width: int = 133, *, quoted: bool = True, types: bool = True) -> str:
    columns = columns_of(width)
    lines = [header(columns, quoted=quoted)]
    if types:
        lines.append(",".join("INTEGER" for _ in columns))
    lines += [line(leg, columns, quoted=quoted) for leg in legs]
    return "".join(f"{row}\n" for row in lines)


def write(folder: Path, legs: Iterable[Leg], sequence: int = 1, node: int = 1) -> Path:
    """A file named as the phone system names it."""
    path = folder / f"cdr_Lab_{node:02d}_202603020800_{sequence}"
    path.write_text(text(legs), encoding="utf-8")
    return path
