"""Whose calls a viewer sees, how numbers look to them, and what a filter means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from call_rows import AT, add_call
from fixtures_company import person_id

from storage import call_details, people, seen_calls
from storage.call_rows import CallFilter, CallId
from storage.database import Connection, Database
from storage.day_totals import Figures
from storage.seen_calls import CallPage, SeenCall
from storage.viewer import Viewer
from telephony.plant import Plant

pytestmark = pytest.mark.usefixtures("company")
MARCH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
SAMPLE = {"number": "00266771234", "e164": "+390266771234"}

Add = Callable[..., Awaitable[str]]


@pytest.fixture
def add(database: Database, company: Plant) -> Add:
    async def added(*args: Any, **values: Any) -> str:
        return await database.unit_of_work(add_call, *args, **values)

    return added


async def viewer(database: Database, login: str) -> Viewer:
    person = await database.unit_of_work(people.by_login, login)
    assert person is not None
    return Viewer.of(person)


async def listed(
    database: Database, login: str, wanted: CallFilter | None = None, limit: int = 100
) -> list[SeenCall]:
    seen = await viewer(database, login)
    return await database.unit_of_work(seen_calls.last, seen, limit, wanted)


async def counted(database: Database, login: str) -> Figures:
    return await database.unit_of_work(seen_calls.figures, await viewer(database, login), MARCH)


async def change(database: Database, text: str, *values: object) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(text, *values)

    await database.unit_of_work(work)


# Whose calls --------------------------------------------------------------------------------------


async def test_each_role_sees_its_own_part(database: Database, add: Add) -> None:
    for extension in ("731", "732", "741", "751", "799"):
        await add(extension)
    await add(None, direction="incoming", e164="+390255501234")
    seen = {
        login: {row.extension for row in await listed(database, login)}
        for login in ("asonnino", "cmoreau", "dweber", "root")
    }
    assert seen == {
        "asonnino": {"731"},
        "cmoreau": {"731", "732"},
        "dweber": {"741"},
        "root": {"731", "732", "741", "751", "799", ""},
    }


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ("department", {"731", "732"}),
        ("cost_centre", {"731", "732", "751", "799"}),
        ("office", {"731", "732", "741", "799"}),
    ],
)
async def test_a_supervisor_sees_their_scope(
    database: Database, add: Add, scope: str, seen: set[str]
) -> None:
    await change(database, "update person set scope = $1 where login = 'cmoreau'", scope)
    for extension in ("731", "732", "741", "751", "799"):
        await add(extension)
    assert {row.extension for row in await listed(database, "cmoreau")} == seen
    assert (await counted(database, "cmoreau")).calls == len(seen)


async def test_a_supervisor_sees_their_own_calls_from_another_department(
    database: Database, add: Add
) -> None:
    await add("733", values={"unit_id": None})
    await add("733")
    assert len(await listed(database, "cmoreau")) == 2
    assert (await counted(database, "cmoreau")).calls == 2


async def test_calls_stay_with_whom_and_where_they_were(database: Database, add: Add) -> None:
    await add("731", at=AT)
    moved_at = AT + timedelta(days=1)
    await change(
        database, "update extension_owner set until_at = $1 where extension = '731'", moved_at
    )
    await change(
        database,
        "insert into extension_owner (extension, person_id, from_at)"
        " select '731', id, $1 from person where login = 'dweber'",
        moved_at,
    )
    await add("731", at=moved_at)
    assert [row.started_at for row in await listed(database, "asonnino")] == [AT]
    assert [row.started_at for row in await listed(database, "dweber")] == [moved_at]
    assert [row.name for row in await listed(database, "root")] == [
        "Weber Dieter",
        "Sonnino Andrea",
    ]


async def test_who_changes_department_leaves_their_calls_there(
    database: Database, add: Add
) -> None:
    await add("731", at=AT)
    await change(database, "update person set department = 'Support' where login = 'asonnino'")
    await add("731", at=AT + timedelta(days=1))
    await add("741", at=AT)
    assert [row.started_at for row in await listed(database, "cmoreau")] == [AT]
    await change(
        database,
        "update person set role = 'supervisor', scope = 'department' where login = 'dweber'",
    )
    assert {(row.extension, row.started_at) for row in await listed(database, "dweber")} == {
        ("731", AT + timedelta(days=1)),
        ("741", AT),
    }


async def test_an_internal_call_has_two_rows_and_counts_once(database: Database, add: Add) -> None:
    await add("731", other="732")
    rows = await listed(database, "root")
    assert {(row.extension, row.number, row.type) for row in rows} == {
        ("731", "732", "internal"),
        ("732", "731", "internal"),
    }
    for login in ("root", "cmoreau", "asonnino"):
        assert await counted(database, login) == Figures(1, 1, 0, Decimal(0), 60, 5)
    assert [row.number for row in await listed(database, "asonnino")] == ["732"]


async def test_half_of_an_internal_call_is_another_departments(
    database: Database, add: Add
) -> None:
    await add("731", other="741")
    assert [row.extension for row in await listed(database, "cmoreau")] == ["731"]
    assert (await counted(database, "cmoreau")).calls == 1


async def test_an_internal_call_nobody_takes_is_missed_by_the_called(
    database: Database, add: Add
) -> None:
    await add("731", other="741", seconds=0)
    missed = {name: (await counted(database, name)).missed for name in ("asonnino", "dweber")}
    assert missed == {"asonnino": 0, "dweber": 1}


async def test_the_newest_come_first_and_no_more_than_asked(database: Database, add: Add) -> None:
    for minute in range(5):
        await add("731", at=AT + timedelta(minutes=minute))
        await add("732", at=AT + timedelta(minutes=minute, seconds=30))
    for login, extensions in (("root", 2), ("cmoreau", 2), ("asonnino", 1)):
        rows = await listed(database, login, limit=3)
        instants = [row.started_at for row in rows]
        assert instants == sorted(instants, reverse=True)
        assert len(rows) == 3
        assert len({row.extension for row in rows}) == extensions


# Numbers ------------------------------------------------------------------------------------------


async def shown(database: Database, login: str = "root") -> str:
    return (await listed(database, login, limit=1))[0].number


async def test_the_sample_number_is_masked_as_in_the_sample(database: Database, add: Add) -> None:
    await add(**SAMPLE)
    for login in ("asonnino", "cmoreau", "root"):
        assert await shown(database, login) == "026677****"


@pytest.mark.parametrize(
    ("number", "e164", "seen"),
    [
        ("112", "", "****"),
        ("0118", "", "****"),
        ("000493012345678", "+493012345678", "+49301234****"),
        ("0006331234", "+3906331234", "0633****"),
        ("someone@example.com", "", "****@example.com"),
        ("", "", ""),
    ],
)
async def test_the_last_digits_are_hidden(
    database: Database, add: Add, number: str, e164: str, seen: str
) -> None:
    await add(number=number, e164=e164, direction="incoming")
    assert await shown(database) == seen


@pytest.mark.parametrize(
    ("of_person", "of_site", "country", "seen"),
    [
        (None, None, "IT", "026677****"),
        (None, None, "DE", "0266771***"),
        (None, 6, "IT", "0266******"),
        (2, 6, "IT", "02667712**"),
        (0, 6, "IT", "0266771234"),
        (20, None, "IT", "*" * 20),
    ],
)
async def test_person_before_site_before_country(
    database: Database,
    add: Add,
    of_person: int | None,
    of_site: int | None,
    country: str,
    seen: str,
) -> None:
    await add(**SAMPLE)
    await change(database, "update person set masked_digits = $1", of_person)
    await change(database, "update site set masked_digits = $1", of_site)
    if country != "IT":
        await change(
            database,
            "update person set site_id = (select id from site where name = 'Viareggio')"
            " where login = 'asonnino'",
        )
        await change(database, "update site set country = 'DE' where name = 'Viareggio'")
    assert await shown(database) == seen


async def test_a_colleagues_number_is_never_masked(database: Database, add: Add) -> None:
    await change(database, "update person set masked_digits = 20")
    await add("731", other="732")
    assert {row.number for row in await listed(database, "root")} == {"731", "732"}


async def test_no_hidden_digit_leaves_the_details(database: Database, add: Add) -> None:
    key = await add(**SAMPLE, cost="0.06")
    seen = await viewer(database, "asonnino")
    found = await database.unit_of_work(call_details.details, seen, CallId(key, 0))
    assert found is not None
    assert found.call.number == "026677****"
    assert "1234" not in repr(found)
    assert "66771" not in repr(found)


async def test_a_prefix_as_long_as_the_number_shows_no_hidden_digit(
    database: Database, add: Add
) -> None:
    version = "select id from tariff_version limit 1"
    await change(
        database,
        f"insert into rate select id, 999, '390266771234', 'One number', 'national', 0, 1, 1, 1, 0,"
        f" 0 from tariff_version where id = ({version})",
    )

    async def first(connection: Connection) -> int:
        return await connection.fetchval(version)

    priced = {"tariff_version_id": await database.unit_of_work(first)}
    key = await add(**SAMPLE, values=priced)
    seen = await viewer(database, "root")
    found = await database.unit_of_work(call_details.details, seen, CallId(key, 0))
    assert found is not None
    assert found.trace.charge.prefix == "39026677****"
    assert found.trace.charge.destination == "One number"


# Filters ------------------------------------------------------------------------------------------


async def found(database: Database, login: str, **wanted: Any) -> set[str]:
    return {str(row.id) for row in await listed(database, login, CallFilter(**wanted))}


async def test_like_finds_both_directions_of_one_number(database: Database, add: Add) -> None:
    out = await add(**SAMPLE)
    back = await add(number="0266771234", e164="+390266771234", direction="incoming")
    await add(number="00266779999", e164="+390266779999")
    await add("732", **SAMPLE)
    wanted = {f"{out}.0", f"{back}.0"}
    for like in (out, back):
        assert await found(database, "asonnino", like=CallId(like, 0)) == wanted
        narrowed = {"like": CallId(like, 0), "extension": "731"}
        assert await found(database, "root", **narrowed) == wanted
    assert len(await found(database, "root", like=CallId(out, 0))) == 3


async def test_like_a_colleague(database: Database, add: Add) -> None:
    first, second = await add("731", other="732"), await add("732", other="731")
    await add("731", number="732", direction="outgoing")
    await add("731", other="741")
    seen = await found(database, "asonnino", like=CallId(first, 0))
    assert seen == {f"{first}.0", f"{second}.1"}


async def test_like_a_number_without_a_country(database: Database, add: Add) -> None:
    first, second = await add(number="118"), await add(number="118", direction="incoming")
    await add(number="112")
    seen = await found(database, "asonnino", like=CallId(first, 0))
    assert seen == {f"{first}.0", f"{second}.0"}


async def test_ids_outside_the_scope_give_nothing(database: Database, add: Add) -> None:
    mine, theirs = await add("731", **SAMPLE), await add("741", **SAMPLE)
    inside = await add("731", other="741")
    assert await found(database, "asonnino", like=CallId(theirs, 0)) == set()
    assert await found(database, "asonnino", id=CallId(theirs, 0)) == set()
    assert await found(database, "asonnino", id=CallId(mine, 0)) == {f"{mine}.0"}
    assert await found(database, "asonnino", id=CallId(inside, 0)) == {f"{inside}.0"}
    assert await found(database, "asonnino", id=CallId(inside, 1)) == set()
    assert await found(database, "cmoreau", like=CallId(theirs, 0)) == set()
    other = await database.unit_of_work(person_id, "dweber")
    assert await found(database, "asonnino", person_id=other) == set()
    assert await found(database, "asonnino", extension="741") == set()
    assert await found(database, "cmoreau", extension="741") == set()
    seen = await viewer(database, "asonnino")
    assert await database.unit_of_work(seen_calls.one, seen, CallId(theirs, 0)) is None
    assert await database.unit_of_work(call_details.details, seen, CallId(theirs, 0)) is None


async def test_every_filter_narrows(database: Database, add: Add) -> None:
    early = await add("731", at=AT - timedelta(days=1), gateway="Viareggio")
    missed = await add("731", direction="incoming", seconds=0)
    unknown = await add("732", gateway=None)
    inside = await add("731", other="732")
    andrea = await database.unit_of_work(person_id, "asonnino")
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"until_at": AT}, {f"{early}.0"}),
        ({"from_at": AT, "type": "missed"}, {f"{missed}.0"}),
        ({"type": "outgoing"}, {f"{early}.0", f"{unknown}.0"}),
        ({"type": "internal", "extension": "732"}, {f"{inside}.1"}),
        ({"gateway": "Viareggio"}, {f"{early}.0"}),
        ({"gateway": ""}, {f"{unknown}.0"}),
        ({"person_id": andrea}, {f"{early}.0", f"{missed}.0", f"{inside}.0"}),
        ({"person_id": andrea, "type": "incoming"}, set()),
    ]
    for login in ("root", "cmoreau"):
        for wanted, expected in cases:
            assert await found(database, login, **wanted) == expected, (login, wanted)


async def paged(database: Database, number: int, size: int = 3) -> CallPage:
    seen = await viewer(database, "root")
    return await database.unit_of_work(seen_calls.page, seen, CallFilter(), number, size)


async def test_pages_hold_every_row_once(database: Database, add: Add) -> None:
    # Many calls of one instant: their order must be one and the same on every page.
    for extension in ("731", "732", "741", "751"):
        await add(extension, cost="1.50")
        await add(extension, other="799")
    pages = [await paged(database, number) for number in (1, 2, 3, 4)]
    ids = [row.id for one in pages for row in one.rows]
    assert len(ids) == len(set(ids)) == 12
    assert {one.total for one in pages} == {12}
    assert pages[0].figures == Figures(8, 8, 0, Decimal("6.00"), 480, 40)
    assert (await paged(database, 99)).number == 4
    assert (await paged(database, 99)).rows == pages[3].rows


async def test_beyond_what_is_counted_a_page_says_more(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_calls, "COUNTED_UP_TO", 4)
    for _ in range(6):
        await add()
    one = await paged(database, 2)
    assert one.is_more
    assert (one.total, len(one.rows)) == (5, 1)


async def test_a_supervisors_figures_take_part_of_the_company(database: Database, add: Add) -> None:
    await add("731", cost="1.10", seconds=30)
    await add("732", cost="2.20", seconds=90)
    await add("741", cost="4.40")
    await add("732", direction="incoming", seconds=0)
    await add("731", direction="outgoing", seconds=0)
    figures = await counted(database, "cmoreau")
    assert figures == Figures(4, 2, 1, Decimal("3.30"), 120, 20)
    assert (figures.average_talk_s, figures.average_ring_s) == (60, 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1.0",
        "'; drop--.0",
        "g" * 32 + ".0",
        "0x" + "1" * 30 + ".0",
        "١" * 32 + ".0",
    ],
)
async def test_what_is_no_id_is_none(text: str) -> None:
    assert CallId.parse(text) is None


async def test_an_id_reads_back() -> None:
    one = CallId("50d644f2-bd95-4fe7-a3c4-c3c3dccac30f", 1)
    assert CallId.parse(str(one)) == one
