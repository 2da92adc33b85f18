"""What the filters of a report offer to whom: names in use, as far as the viewer sees.

Offers help with typing and are cut off at `MOST`; any other name may be typed and simply means no
calls where the viewer sees none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from storage import people_admin, seen_calls
from storage.database import Connection
from storage.people_listing import OWNED_NOW
from storage.viewer import Viewer, person_condition, units_of

MOST = 300

GroupKind = Literal["gateway", "extension", "department", "cost_centre", "office", "person", "site"]
"""What a report can be restricted to by name; people are named by their logins."""

_Part = Literal["department", "cost_centre", "office"]


@dataclass(frozen=True, slots=True)
class ReportChoices:
    """Names for each kind of group, in order; `people` are logins with names, last name first.

    `areas` are the destinations of the price lists in force, `custom_labels` the names of the ten
    free fields, empty where one is not in use.
    """

    gateways: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    cost_centres: tuple[str, ...] = ()
    offices: tuple[str, ...] = ()
    people: tuple[tuple[str, str], ...] = ()
    sites: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    custom_labels: tuple[str, ...] = ()


async def report_choices(connection: Connection, viewer: Viewer) -> ReportChoices:
    """Everything the options of a report offer this viewer."""
    return ReportChoices(
        gateways=tuple((await seen_calls.gateway_names(connection))[:MOST]),
        extensions=await _extensions(connection, viewer),
        departments=await _parts(connection, viewer, "department"),
        cost_centres=await _parts(connection, viewer, "cost_centre"),
        offices=await _parts(connection, viewer, "office"),
        people=await _people(connection, viewer),
        sites=await _sites(connection, viewer),
        areas=await _areas(connection),
        custom_labels=await people_admin.custom_labels(connection),
    )


async def _extensions(connection: Connection, viewer: Viewer) -> tuple[str, ...]:
    condition, values = person_condition(viewer, "p", 1)
    rows = await connection.fetch(
        f"""
        select o.extension from extension_owner o join person p on p.id = o.person_id
         where {condition} and {OWNED_NOW}
         group by o.extension order by length(o.extension), o.extension limit {MOST}
        """,  # noqa: S608 - our own text
        *values,
    )
    return tuple(row["extension"] for row in rows)


async def _parts(connection: Connection, viewer: Viewer, part: _Part) -> tuple[str, ...]:
    """Names of departments and such, past ones too."""
    names, values = await _names_of_parts(connection, viewer, part)
    rows = await connection.fetch(
        f"""
        select name from ({names}) n
         where name <> '' group by name order by lower(name), name limit {MOST}
        """,  # noqa: S608 - our own text
        *values,
    )
    return tuple(row["name"] for row in rows)


async def _names_of_parts(
    connection: Connection, viewer: Viewer, part: _Part
) -> tuple[str, list[object]]:
    """SQL of a column `name`, of the people seen and of the units seen, and its arguments."""
    condition, values = person_condition(viewer, "p", 1)
    names = f"select p.{part} as name from person p where {condition}"  # noqa: S608 - our own names
    if viewer.breadth != "own":
        names += f" union select u.{part} from unit u"  # noqa: S608 - our own names
    if viewer.breadth == "unit":
        values.append(await units_of(connection, viewer))
        names += f" where u.id = any(${len(values)}::int[])"
    return names, values


async def _people(connection: Connection, viewer: Viewer) -> tuple[tuple[str, str], ...]:
    condition, values = person_condition(viewer, "p", 1)
    rows = await connection.fetch(
        f"""
        select p.login, trim(p.last_name || ' ' || p.first_name) as name from person p
         where {condition}
         order by lower(p.last_name), lower(p.first_name), lower(p.login) limit {MOST}
        """,  # noqa: S608 - as above
        *values,
    )
    return tuple((row["login"], row["name"] or row["login"]) for row in rows)


async def _sites(connection: Connection, viewer: Viewer) -> tuple[str, ...]:
    condition, values = person_condition(viewer, "p", 1)
    rows = await connection.fetch(
        f"""
        select s.name from site s
         where exists (select from person p where p.site_id = s.id and {condition})
            or ${len(values) + 1}::boolean
         order by s.position, s.id limit {MOST}
        """,  # noqa: S608 - as above
        *values,
        viewer.is_administrator,
    )
    return tuple(row["name"] for row in rows)


async def _areas(connection: Connection) -> tuple[str, ...]:
    """The price list is no secret: everybody's calls are priced by it."""
    rows = await connection.fetch(
        f"""
        select r.destination as name
          from rate r join tariff_version v on v.id = r.version_id and v.superseded_at is null
         where r.destination <> '' group by r.destination order by lower(r.destination), 1
         limit {MOST}
        """  # noqa: S608 - as above
    )
    return tuple(row["name"] for row in rows)


# Names that were typed ----------------------------------------------------------------------------


async def unknown_names(
    connection: Connection, viewer: Viewer, kind: GroupKind, names: Sequence[str]
) -> tuple[str, ...]:
    """Those of the names that nothing of this kind has that the viewer may see.

    Who sees everybody is told of what nobody ever had; to others people and extensions are known
    that are theirs to see now, whatever calls there are from before.
    """
    known, values = await _known(connection, viewer, kind)
    rows = await connection.fetch(
        f"""
        select v.name from unnest(${len(values) + 1}::text[]) with ordinality v(name, place)
         where not ({known}) order by v.place
        """,  # noqa: S608 - our own text
        *values,
        list(names),
    )
    return tuple(row["name"] for row in rows)


async def _known(
    connection: Connection, viewer: Viewer, kind: GroupKind
) -> tuple[str, list[object]]:
    """SQL that is true of a name `v.name` there is for the viewer, and its arguments."""
    if kind in {"department", "cost_centre", "office"}:
        names, values = await _names_of_parts(connection, viewer, cast("_Part", kind))
        return f"exists (select from ({names}) k where lower(k.name) = lower(v.name))", values
    sees_all = viewer.is_administrator if kind == "site" else viewer.breadth == "all"
    if sees_all or kind == "gateway":
        return _ANYBODYS[kind], []
    condition, values = person_condition(viewer, "p", 1)
    return f"exists ({_OF_PEOPLE[kind]} and {condition})", values


_ANYBODYS: Mapping[GroupKind, str] = {
    "gateway": "exists (select from gateway g where lower(g.name) = lower(v.name))",
    # A call may be of an extension that nobody has ever had.
    "extension": "exists (select from extension_owner o where o.extension = v.name)"
    " or exists (select from call c where c.extension = v.name)",
    "person": "exists (select from person p where lower(p.login) = lower(v.name))",
    "site": "exists (select from site s where lower(s.name) = lower(v.name))",
}
_OF_PEOPLE: Mapping[GroupKind, str] = {
    "extension": "select from extension_owner o join person p on p.id = o.person_id"
    " where o.extension = v.name",
    "person": "select from person p where lower(p.login) = lower(v.name)",
    "site": "select from site s join person p on p.site_id = s.id"
    " where lower(s.name) = lower(v.name)",
}
