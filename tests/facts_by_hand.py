"""Reports by hand: what each must say, worked out with sets and loops from rows as they are stored.

Knows what the fields and measures mean (`reports.fields`, `storage.facts.ask`), and nothing of how
the copy is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from reports.definition import Report
from reports.fields import FIELDS
from reports.options import Interval, LastDays, Options, Restriction
from storage.database import Connection
from storage.viewer import Viewer
from telephony.countries import nation
from telephony.privacy import mask, masked_digits, national

Row = dict[str, Any]
DAY_S = 86_400
_TABLES = (
    "call", "person", "unit", "gateway", "site", "tariff", "tariff_version", "cmr",
    "extension_owner",
)  # fmt: skip
WRITTEN = " \t\u00a0-./()"


@dataclass
class Books:
    """What PostgreSQL holds, table by table."""

    tables: dict[str, list[Row]]
    by_id: dict[str, dict[Any, Row]] = field(default_factory=dict)
    voice: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, rows in self.tables.items():
            self.by_id[name] = {row["id"]: row for row in rows if "id" in row}
        self.voice = voice_rows(self)

    def of(self, table: str, number: int | None) -> Row:
        """The row of this id; an empty one where there is none."""
        return self.by_id[table].get(number, {})

    @property
    def default_site(self) -> Row:
        """The site of calls that have none."""
        return min(self.tables["site"], key=lambda site: (site["position"], site["id"]), default={})


async def read_books(connection: Connection) -> Books:
    """Every row there is."""
    return Books(
        {
            name: [dict(row) for row in await connection.fetch(f"select * from {name}")]
            for name in _TABLES
        }
    )


# Fields of one row --------------------------------------------------------------------------------


def name_of(person: Row) -> str:
    full = f"{person.get('last_name', '')} {person.get('first_name', '')}".strip()
    return full or person.get("login", "")


def site_of(books: Books, row: Row) -> Row:
    return books.of("site", row["site_id"]) if row["site_id"] else books.default_site


def hidden_digits(books: Books, row: Row) -> int:
    """The person's own, else their site's, else the call's site's, else the country's habit."""
    person, site = books.of("person", row["person_id"]), site_of(books, row)
    mine = books.of("site", person.get("site_id"))
    for owner in (person, mine, site):
        if owner.get("masked_digits") is not None:
            return owner["masked_digits"]
    return masked_digits(mine.get("country") or site.get("country") or "")


def shown_number(books: Books, row: Row) -> str:
    if row["direction"] == "internal":
        return row["number"]
    country = site_of(books, row).get("country", "")
    return mask(national(row["number"], row["e164"], country), hidden_digits(books, row))


def whole_numbers(books: Books, row: Row) -> set[str]:
    """How a whole number may be typed: as dialled, in E.164, as its country writes it."""
    country = site_of(books, row).get("country", "")
    written = {row["number"], row["e164"], national(row["number"], row["e164"], country)}
    return {number.lower() for number in written} - {""}


def number_key(row: Row) -> tuple[str, str]:
    """What makes two numbers one: the world's form, else as dialled; colleagues apart."""
    if row["direction"] == "internal":
        return "internal", row["number"]
    return ("world", row["e164"]) if row["e164"] else ("dialled", row["number"])


def nation_of(books: Books, row: Row) -> str:
    if row["direction"] == "internal":
        return ""
    if row["e164"]:
        return nation(row["e164"])
    return site_of(books, row).get("country", "") if row["number"] else ""


def type_of(row: Row) -> str:
    if row["direction"] == "internal":
        return "internal"
    return row["direction"] if row["answered"] else "missed"


def place_type(books: Books, row: Row) -> str:
    """A call from outside is told by where it came from."""
    if row["direction"] != "incoming":
        return row["destination_type"]
    came_from = nation_of(books, row)
    home = site_of(books, row).get("country", "")
    return came_from and ("national" if came_from == home else "international")


def local(row: Row, zone: str) -> datetime:
    return row["started_at"].astimezone(ZoneInfo(zone))


def share(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """A percentage to one decimal; none of nothing."""
    if not whole:
        return None
    return rounded(Decimal(part) * 100 / Decimal(whole), "0.1")


def rounded(number: Decimal, step: str) -> Decimal:
    return number.quantize(Decimal(step), rounding=ROUND_HALF_UP)


def mean(total: int, number: int, without: int | None) -> int | None:
    return int(rounded(Decimal(total) / number, "1")) if number else without


_COMMON: dict[str, Callable[[Books, Row, str], Any]] = {
    "extension": lambda _b, r, _z: r["extension"] or "",
    "person": lambda b, r, _z: name_of(b.of("person", r["person_id"])),
    "login": lambda b, r, _z: b.of("person", r["person_id"]).get("login", ""),
    "department": lambda b, r, _z: b.of("unit", r["unit_id"]).get("department", ""),
    "cost_centre": lambda b, r, _z: b.of("unit", r["unit_id"]).get("cost_centre", ""),
    "office": lambda b, r, _z: b.of("unit", r["unit_id"]).get("office", ""),
    "site": lambda b, r, _z: b.of(
        "site", b.of("person", r["person_id"]).get("site_id")).get("name", ""),
    "date": lambda _b, r, z: local(r, z).date(),
    "month": lambda _b, r, z: local(r, z).date().replace(day=1),
    "weekday": lambda _b, r, z: local(r, z).weekday(),
    "hour": lambda _b, r, z: local(r, z).hour,
    "started_at": lambda _b, r, _z: r["started_at"],
}  # fmt: skip
_OF_CALLS: dict[str, Callable[[Books, Row, str], Any]] = {
    "type": lambda _b, r, _z: type_of(r),
    "answer": lambda _b, r, _z: "answered" if r["answered"] else "unanswered",
    "direction": lambda _b, r, _z: r["direction"],
    "number": lambda b, r, _z: shown_number(b, r),
    "gateway": lambda b, r, _z: None if r["direction"] == "internal"
    else b.of("gateway", r["gateway_id"]).get("name", ""),
    "operator": lambda b, r, _z: b.of("tariff", b.of(
        "tariff_version", r["tariff_version_id"]).get("tariff_id")).get("name", ""),
    "area": lambda _b, r, _z: r["destination"],
    "destination_type": lambda _b, r, _z: r["destination_type"],
    "nation": lambda b, r, _z: nation_of(b, r),
    "place_type": lambda b, r, _z: place_type(b, r),
    "hunt_group": lambda _b, r, _z: r["hunt_pilot"],
    "duration": lambda _b, r, _z: r["duration_s"],
    "ring": lambda _b, r, _z: r["ring_s"],
    "queued": lambda _b, r, _z: r["queued_s"],
    "cost": lambda _b, r, _z: r["cost"],
}  # fmt: skip
_OF_VOICE: dict[str, Callable[[Books, Row, str], Any]] = {
    "device": lambda _b, r, _z: r["device"],
    "mos": lambda _b, r, _z: r["mos"],
    "jitter": lambda _b, r, _z: r["jitter_ms"],
    "latency": lambda _b, r, _z: r["latency_ms"],
    "loss": lambda _b, r, _z: share(r["packets_lost"], r["packets_lost"] + r["packets_received"]),
}
_CALL_FIELDS, _VOICE_FIELDS = _COMMON | _OF_CALLS, _COMMON | _OF_VOICE


def value_of(books: Books, row: Row, name: str, zone: str) -> Any:
    """A field of a row of a call, or of a voice report."""
    if name.startswith("custom_"):
        custom = books.of("person", row["person_id"]).get("custom") or [""] * 10
        return custom[int(name.removeprefix("custom_")) - 1]
    return (_VOICE_FIELDS if "mos" in row else _CALL_FIELDS)[name](books, row, zone)


# Which rows are meant -----------------------------------------------------------------------------


def in_scope(books: Books, row: Row, viewer: Viewer) -> bool:
    if viewer.breadth == "all":
        return True
    if row["person_id"] is not None and row["person_id"] == viewer.person_id:
        return True
    if viewer.breadth == "own" or viewer.scope is None:
        return False
    unit = books.of("unit", row["unit_id"])
    return bool(unit) and unit[viewer.scope].lower() == viewer.scope_value.lower()


def is_in_period(at: datetime, options: Options, zone: str, now: datetime, monday: int) -> bool:
    """By the local day an instant lies on; an interval by its two instants."""
    period, there = options.period, ZoneInfo(zone)
    if period is None:
        return True
    if isinstance(period, Interval):
        first, last = (one.replace(tzinfo=there).astimezone(UTC) for one in period)
        return first <= at < last
    day, today = at.astimezone(there).date(), now.astimezone(there).date()
    if isinstance(period, LastDays):
        return today - timedelta(days=period.days) < day <= today
    which, _, unit = period.partition("_")
    if not unit:
        return day == (today if which == "today" else today - timedelta(days=1))
    return _place_in_time(day, unit, monday) == _place_in_time(today, unit, monday) - (
        which == "last"
    )


def _place_in_time(day: date, unit: str, monday: int) -> int:
    """Which week, month, quarter or year since the beginning of time a day lies in."""
    months = day.year * 12 + day.month - 1
    return {
        "week": (day.toordinal() - 1 - monday) // 7,
        "month": months,
        "quarter": months // 3,
        "year": day.year,
    }[unit]


_GROUP_FIELDS = {"person": "login"}


def meets(books: Books, row: Row, one: Restriction, zone: str) -> bool:
    """Whether a row of *More restrictions* is true of a row of a call."""
    if one.field == "number" and one.operator in {"is", "is_not"}:
        return _is_number(books, row, [one.value]) == (one.operator == "is")
    value, kind = value_of(books, row, one.field, zone), FIELDS[one.field].kind
    if kind in {"text", "phone"}:
        return _text_meets((value or "").lower(), one.operator, one.value.lower())
    wanted: Any
    if kind in {"count", "seconds", "hour", "weekday"}:
        wanted = int(one.value)
    elif kind == "instant":
        wanted = datetime.fromisoformat(one.value).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    elif kind in {"date", "month"}:
        wanted = date.fromisoformat(one.value + ("-01" if kind == "month" else ""))
    else:
        wanted = Decimal(one.value)
    if value is None:
        return one.operator == "is_not"
    return {
        "is": value == wanted, "is_not": value != wanted, "more": value > wanted,
        "at_least": value >= wanted, "less": value < wanted, "at_most": value <= wanted,
    }[one.operator]  # fmt: skip


def _text_meets(text: str, operator: str, wanted: str) -> bool:
    return {
        "is": text == wanted, "is_not": text != wanted, "begins": text.startswith(wanted),
        "ends": text.endswith(wanted), "contains": wanted in text, "lacks": wanted not in text,
    }[operator]  # fmt: skip


def _is_number(books: Books, row: Row, typed: Iterable[str]) -> bool:
    wanted: set[str] = set()
    for one in typed:
        plain = "".join(letter for letter in one.lower() if letter not in WRITTEN)
        wanted |= {one.strip().lower(), plain}
        if plain.startswith("00"):
            wanted.add("+" + plain[2:])
    return bool(wanted & whole_numbers(books, row))


def holds_one_of(books: Books, row: Row, restrictions: Sequence[Restriction], zone: str) -> bool:
    """AND binds before OR."""
    if not restrictions:
        return True
    found, all_ = False, True
    for number, one in enumerate(restrictions):
        if number and one.joined == "or":
            found, all_ = found or all_, True
        all_ = all_ and meets(books, row, one, zone)
    return found or all_


def _is_narrowed(books: Books, row: Row, options: Options, zone: str) -> bool:
    def value(name: str) -> Any:
        return value_of(books, row, name, zone)

    for group in options.groups:
        if group is not None:
            wanted = {text.lower() for text in group.values}
            found = value(_GROUP_FIELDS.get(group.kind, group.kind))
            if found is None or found.lower() not in wanted:
                return False
    return holds_one_of(books, row, options.restrictions, zone)


def group_text(value: Any, name: str) -> str:
    """A group's value as links carry it."""
    if value is None:
        return "internal" if name == "gateway" else ""
    if name == "month":
        return f"{value:%Y-%m}"
    if isinstance(value, date):
        return f"{value:%Y-%m}" if name == "month" else value.isoformat()
    return str(value)


def is_in_group(books: Books, row: Row, asked: Question) -> bool:
    """Whether a row is of the group the question is narrowed to."""
    options = asked.options
    if options.like is not None and asked.report.subject == "calls":
        seen = (one for one in books.tables["call"] if in_scope(books, one, asked.viewer))
        like = next((r for r in seen if f"{r['key']}.{r['party']}" == options.like), None)
        if like is None or number_key(like) != number_key(row):
            return False
    for name, text in options.within:
        found = value_of(books, row, "login" if name == "person" else name, asked.zone)
        if text != group_text(found, name):
            return False
    return True


def _is_such_a_call(books: Books, row: Row, options: Options) -> bool:
    inside = row["direction"] == "internal"
    if options.traffic in {"external", "internal"} and inside != (options.traffic == "internal"):
        return False
    if options.call_type is not None:
        way, answer = options.call_type
        if way not in {"any", row["direction"]}:
            return False
        if answer != "any" and row["answered"] != (answer == "answered"):
            return False
    if options.place is not None:
        kind, values = options.place
        found = {
            "type": lambda: place_type(books, row),
            "country": lambda: nation_of(books, row),
            "area": lambda: row["destination"],
        }[kind]()
        if found.lower() not in {value.lower() for value in values}:
            return False
    return True


@dataclass(frozen=True)
class Question:
    """Everything an answer depends on beside the books."""

    viewer: Viewer
    report: Report
    options: Options
    zone: str
    now: datetime
    monday: int = 0
    language: str = "en"

    @property
    def by(self) -> tuple[str, ...]:
        return (self.options.by or self.report.by) if self.report.by else ()

    @property
    def columns(self) -> tuple[str, ...]:
        chosen = self.options.columns or self.report.columns
        return tuple(name for name in chosen if name not in self.by)

    @property
    def each_side(self) -> bool:
        by = self.by or tuple(name for name, _ in self.options.within)
        if by == self.report.by:
            return self.report.each_side
        return bool({"extension", "person"} & {*by})


def meant(books: Books, asked: Question) -> list[Row]:
    """The rows a question is about, in no order; of which group they are is asked later.

    But of voice, and where only so many rows are meant: of these the first of the group.
    """
    voice = asked.report.subject == "quality"
    rows = books.voice if voice else books.tables["call"]
    options = asked.options
    at_once = voice or (options.most is not None and not asked.by)
    return [
        row
        for row in rows
        if in_scope(books, row, asked.viewer)
        and is_in_period(row["started_at"], options, asked.zone, asked.now, asked.monday)
        and (voice or _is_such_a_call(books, row, options))
        and _is_narrowed(books, row, options, asked.zone)
        and (not at_once or is_in_group(books, row, asked))
    ]


def voice_rows(books: Books) -> list[Row]:
    """Voice reports, with whose they are: who had the extension's last call in the day before."""
    found: list[Row] = []
    for report in books.tables["cmr"]:
        at = datetime.fromtimestamp(report["stamped"], UTC)
        before = [
            call for call in books.tables["call"]
            if call["extension"] == report["directory_number"]
            and at - timedelta(days=1) <= call["started_at"] <= at
        ]  # fmt: skip
        last = max(before, key=lambda call: call["started_at"], default={})
        found.append({
            **report, "extension": report["directory_number"], "started_at": at, "site_id": None,
            "person_id": last.get("person_id"), "unit_id": last.get("unit_id"),
        })  # fmt: skip
    return found
