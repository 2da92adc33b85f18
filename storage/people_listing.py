"""Everybody of the company, found, sorted and turned over: what administrators live in.

A page is two short queries, so that forty thousand people take no longer than forty. Only an
administrator is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from asyncpg import Record

from storage.database import Connection
from storage.people import DisabledBy, Role, Scope, Source, TimeFormat
from storage.viewer import Viewer
from telephony.plant import ExtensionKey

State = Literal["", "enabled", "disabled"]
Sort = Literal["name", "login", "extension", "department", "cost_centre", "office", "role"]

OWNED_NOW = """((o.from_at is null or o.from_at <= now())
     and (o.until_at is null or o.until_at > now()))"""
"""SQL: whether ownership `o` is a present one."""

_FIRST_EXTENSIONS = f"""left join (
        select distinct on (o.person_id) o.person_id, o.extension
          from extension_owner o where {OWNED_NOW}
         order by o.person_id, length(o.extension), o.extension) x on x.person_id = p.id"""  # noqa: S608 - our own text
"""SQL: everybody's lowest extension, joined where the list is sorted by it."""

_NAME = ("lower(p.last_name)", "lower(p.first_name)", "lower(p.login)")
_ORDERS: dict[Sort, tuple[str, ...]] = {
    "name": _NAME,
    "login": ("lower(p.login)",),
    "extension": ("length(x.extension)", "x.extension", *_NAME),
    "department": ("lower(p.department)", *_NAME),
    "cost_centre": ("lower(p.cost_centre)", *_NAME),
    "office": ("lower(p.office)", *_NAME),
    "role": ("p.role", *_NAME),
}


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people; an empty value asks for nothing. Names fit in any case.

    Each word of `text` must be part of a name, the login, the mail address, or begin an extension.
    """

    text: str = ""
    role: str = ""
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    site_id: int | None = None
    state: State = ""
    source: str = ""
    without_extension: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One person as the list and the export have them; extensions lowest first."""

    id: int
    login: str
    first_name: str
    last_name: str
    email: str
    department: str
    cost_centre: str
    office: str
    site: str
    role: Role
    scope: Scope | None
    language: str
    time_format: TimeFormat
    masked_digits: int | None
    custom: tuple[str, ...]
    source: Source
    role_fixed: bool
    disabled: bool
    disabled_by: DisabledBy | None
    extensions: tuple[ExtensionKey, ...]

    @property
    def full_name(self) -> str:
        """First and last name, or the login where neither is known."""
        return f"{self.first_name} {self.last_name}".strip() or self.login


class PeoplePage(NamedTuple):
    """One page of those found; `total` counts all of them, `disabled` the disabled among them."""

    rows: tuple[Listed, ...]
    total: int
    disabled: int


class Choices(NamedTuple):
    """What the filters offer: the names in use, and the sites by id."""

    departments: tuple[str, ...]
    cost_centres: tuple[str, ...]
    offices: tuple[str, ...]
    sites: dict[int, str]


async def page_of(
    connection: Connection,
    viewer: Viewer,
    wanted: PeopleFilter,
    page: int,
    size: int,
    *,
    sort: Sort = "name",
    descending: bool = False,
) -> PeoplePage:
    """One page of the people found, page 1 first; past the last page it is the last one.

    Raises `NotAllowed` for anybody but an administrator.
    """
    viewer.require_administrator()
    condition, values = _condition(wanted)
    counted = await connection.fetchrow(
        f"""select count(*) as total, count(p.disabled_at) as disabled
              from person p where {condition}""",  # noqa: S608 - our own condition
        *values,
    )
    total: int = counted["total"] if counted else 0
    last = max(1, -(-total // size))
    order, offset = _order(sort, descending), (min(page, last) - 1) * size
    rows = await connection.fetch(
        f"""{_select()} {_joined(sort)} where p.id in (
                select p.id from person p {_joined(sort)} where {condition}
                 order by {order} limit {size} offset {offset})
             order by {order}""",  # noqa: S608 - as above
        *values,
    )
    return PeoplePage(
        tuple(_listed(row) for row in rows), total, counted["disabled"] if counted else 0
    )


async def everybody(
    connection: Connection,
    viewer: Viewer,
    wanted: PeopleFilter,
    *,
    sort: Sort = "name",
    descending: bool = False,
) -> list[Record]:
    """Everybody found, in one list of rows for `listed_of`, which may be called in a thread.

    Raises `NotAllowed` for anybody but an administrator.
    """
    viewer.require_administrator()
    condition, values = _condition(wanted)
    return await connection.fetch(
        f"{_select()} {_joined(sort)} where {condition} order by {_order(sort, descending)}",
        *values,
    )


def listed_of(rows: list[Record]) -> list[Listed]:
    """The people of the rows of `everybody`."""
    return [_listed(row) for row in rows]


async def choices(connection: Connection, viewer: Viewer) -> Choices:
    """The names to filter by. Raises `NotAllowed` for anybody but an administrator."""
    viewer.require_administrator()
    return Choices(
        await _names(connection, "department"),
        await _names(connection, "cost_centre"),
        await _names(connection, "office"),
        await sites(connection),
    )


async def sites(connection: Connection) -> dict[int, str]:
    """The names of the sites by id, in their order: the first is the default one."""
    rows = await connection.fetch("select id, name from site order by position, id")
    return {row["id"]: row["name"] for row in rows}


async def _names(connection: Connection, column: str) -> tuple[str, ...]:
    rows = await connection.fetch(
        f"""select {column} as name from person where {column} <> ''
             group by {column} order by lower({column}), {column}"""  # noqa: S608 - our own names
    )
    return tuple(row["name"] for row in rows)


def _select() -> str:
    return f"""
        select p.id, p.login, p.first_name, p.last_name, p.email, p.department, p.cost_centre,
               p.office, coalesce(s.name, '') as site, p.role, p.scope, p.language, p.time_format,
               p.masked_digits, p.custom, p.source, p.role_fixed, p.disabled_by,
               p.disabled_at is not null as disabled,
               coalesce((
                   select array_agg(o.extension || '@' || o.partition
                                    order by length(o.extension), o.extension, o.partition)
                     from extension_owner o where o.person_id = p.id and {OWNED_NOW}
               ), '{{}}') as extensions
          from person p left join site s on s.id = p.site_id"""  # noqa: S608 - our own text


def _joined(sort: Sort) -> str:
    return _FIRST_EXTENSIONS if sort == "extension" else ""


def _order(sort: Sort, descending: bool) -> str:
    direction = " desc nulls last" if descending else " asc nulls last"
    return ", ".join(column + direction for column in _ORDERS[sort])


def _listed(row: Record) -> Listed:
    return Listed(
        id=row["id"],
        login=row["login"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        department=row["department"],
        cost_centre=row["cost_centre"],
        office=row["office"],
        site=row["site"],
        role=cast("Role", row["role"]),
        scope=cast("Scope | None", row["scope"]),
        language=row["language"],
        time_format=cast("TimeFormat", row["time_format"]),
        masked_digits=row["masked_digits"],
        custom=tuple(row["custom"]),
        source=cast("Source", row["source"]),
        role_fixed=row["role_fixed"],
        disabled=row["disabled"],
        disabled_by=cast("DisabledBy | None", row["disabled_by"]),
        extensions=tuple(ExtensionKey.parse(text) for text in row["extensions"]),
    )


def _condition(wanted: PeopleFilter) -> tuple[str, list[object]]:
    parts = ["true"]
    values: list[object] = []

    def add(part: str, value: object) -> None:
        values.append(value)
        parts.append(part.replace("?", f"${len(values)}"))

    for word in wanted.text.split()[:8]:
        add(
            f"""(lower(p.first_name || ' ' || p.last_name || ' ' || p.login || ' ' || p.email)
                 like '%' || lower(?) || '%'
                 or p.id in (select o.person_id from extension_owner o
                              where o.extension like ? || '%' and {OWNED_NOW}))""",  # noqa: S608 - as above
            _literally(word),
        )
    for column in ("department", "cost_centre", "office"):
        if value := cast("str", getattr(wanted, column)):
            add(f"lower(p.{column}) = lower(?)", value)
    if wanted.role:
        add("p.role = ?", wanted.role)
    if wanted.source:
        add("p.source = ?", wanted.source)
    if wanted.site_id is not None:
        add("p.site_id = ?", wanted.site_id)
    if wanted.state:
        parts.append(f"p.disabled_at is {'not ' if wanted.state == 'disabled' else ''}null")
    if wanted.without_extension:
        parts.append(
            f"p.id not in (select o.person_id from extension_owner o where {OWNED_NOW})"  # noqa: S608 - as above
        )
    return " and ".join(parts), values


def _literally(text: str) -> str:
    """Text for `like` that means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
