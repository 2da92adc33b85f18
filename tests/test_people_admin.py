"""An administrator's changes of people: right budgets, an audit log, a door that stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fixtures_company import person_id
from fixtures_web import HASH, budget_for, id_of

from storage import budgets, people, people_admin, people_doors, people_extensions, people_listing
from storage import sessions as stored_sessions
from storage.company import load_plant
from storage.database import Connection, Database, StorageConflict
from storage.people_admin import (
    Author,
    ChangedMeanwhile,
    LastAdministrator,
    LoginTaken,
    NotOurs,
    Profile,
)
from storage.people_extensions import ExtensionTaken, ToldByDirectory
from storage.people_listing import PeopleFilter, PeoplePage
from storage.viewer import NotAllowed, Viewer
from telephony.plant import ExtensionKey, Plant

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


async def root(database: Database) -> Author:
    return Author(Viewer(await id_of(database, "root"), "all"), "root", "192.0.2.7")


async def profile(database: Database, login: str) -> Profile:
    person = await database.unit_of_work(people.by_login, login)
    assert person is not None
    return people_admin.profile_of(person)


async def change(database: Database, login: str, /, **fields: Any) -> tuple[str, ...]:
    before = await profile(database, login)
    return await database.unit_of_work(
        people_admin.change,
        await root(database),
        await id_of(database, login),
        before,
        replace(before, **fields),
        NOW,
    )


async def audited(database: Database, action: str) -> list[tuple[str, str, Mapping[str, str]]]:
    """Who did it, to whom, and the details, oldest first."""

    async def read(connection: Connection) -> list[tuple[str, str, Mapping[str, str]]]:
        rows = await connection.fetch(
            "select login, subject, details from audit where action = $1 order by id", action
        )
        return [(row["login"], row["subject"], row["details"]) for row in rows]

    return await database.unit_of_work(read)


async def set_hash(connection: Connection, login: str) -> None:
    await connection.execute("update person set password_hash = $2 where login = $1", login, HASH)


async def budget_owners(database: Database) -> set[str]:
    """The logins with a running share of a budget."""

    async def read(connection: Connection) -> set[str]:
        rows = await connection.fetch(
            """select p.login from budget_account a join person p on p.id = a.person_id
                where a.closed_at is null"""
        )
        return {row["login"] for row in rows}

    return await database.unit_of_work(read)


# Changing -----------------------------------------------------------------------------------------


async def test_what_was_changed_is_in_the_audit_log_with_before_and_after(
    company: Plant, database: Database
) -> None:
    custom = ("MI 731 AB", *("",) * 9)
    changed = await change(database, "asonnino", first_name="Andreas", custom=custom)
    assert changed == ("first_name", "custom_1")
    after = await profile(database, "asonnino")
    assert (after.first_name, after.custom) == ("Andreas", custom)
    assert await audited(database, "person_changed") == [
        ("root", "asonnino", {"first_name": "Andrea → Andreas", "custom_1": "– → MI 731 AB"})
    ]


async def test_saving_the_same_changes_nothing_and_tells_nobody(
    company: Plant, database: Database
) -> None:
    assert await change(database, "asonnino") == ()
    assert await audited(database, "person_changed") == []


async def test_who_moves_leaves_the_budgets_of_the_old_department(
    company: Plant, database: Database
) -> None:
    each = budgets.BudgetSpec("department", "Support", Decimal(20), "monthly", each=True)
    await database.unit_of_work(budgets.set_budget, each, NOW)
    assert await budget_owners(database) == {"dweber", "fhaddad"}
    await change(database, "asonnino", department="support")
    await change(database, "dweber", department="Sales")
    assert await budget_owners(database) == {"asonnino", "fhaddad"}


async def test_a_persons_own_budget_follows_a_new_user_name(
    company: Plant, database: Database
) -> None:
    await budget_for(database, "asonnino", "100")
    await change(database, "asonnino", login="andrea")
    assert await budget_owners(database) == {"andrea"}
    await database.unit_of_work(budgets.sync_members, LATER)
    assert await budget_owners(database) == {"andrea"}


async def test_a_user_name_is_nobody_elses_in_any_case(company: Plant, database: Database) -> None:
    with pytest.raises(LoginTaken):
        await change(database, "asonnino", login="DWeber")
    assert await change(database, "asonnino", login="ASonnino") == ("login",)


async def test_who_saves_second_is_told_what_changed_meanwhile(
    company: Plant, database: Database
) -> None:
    opened = await profile(database, "dweber")
    await change(database, "dweber", office="Viareggio")
    with pytest.raises(ChangedMeanwhile) as refused:
        await database.unit_of_work(
            people_admin.change,
            await root(database),
            await id_of(database, "dweber"),
            opened,
            replace(opened, last_name="Webber"),
            LATER,
        )
    assert refused.value.fields == ("office",)
    assert refused.value.now.office == "Viareggio"
    assert (refused.value.by, refused.value.at) == ("root", NOW)
    assert (await profile(database, "dweber")).last_name == "Weber"


async def test_only_an_administrator_changes_people(company: Plant, database: Database) -> None:
    nosy = Author(Viewer(await id_of(database, "cmoreau"), "unit", "department", "Sales"))
    before = await profile(database, "asonnino")
    asonnino = await id_of(database, "asonnino")
    with pytest.raises(NotAllowed):
        await database.unit_of_work(
            people_admin.change, nosy, asonnino, before, replace(before, role="administrator"), NOW
        )
    with pytest.raises(NotAllowed):
        await database.unit_of_work(people_doors.disable, nosy, asonnino, NOW)
    with pytest.raises(NotAllowed):
        await database.unit_of_work(people_doors.end_sessions, nosy, asonnino, NOW)
    with pytest.raises(NotAllowed):
        await database.unit_of_work(people_listing.page_of, nosy.viewer, PeopleFilter(), 1, 50)


async def test_somebody_new_has_the_extension_from_now_on(
    company: Plant, database: Database
) -> None:
    made = Profile("gneri", "Gaia", "Neri", department="Support")
    gneri = await database.unit_of_work(
        people_admin.create, await root(database), made, NOW, extension=ExtensionKey("760")
    )
    plant = await database.unit_of_work(load_plant)
    owner = plant.owner("760", "", datetime.now(UTC) + timedelta(minutes=1))
    assert owner is not None
    assert owner.person_id == gneri
    assert plant.owner("760", "", NOW) is None
    [(by, whom, _)] = await audited(database, "person_created")
    assert (by, whom) == ("root", "gneri")


# What the directory owns --------------------------------------------------------------------------


async def _from_the_directory(connection: Connection) -> None:
    await connection.execute(
        """insert into directory (settings) values
           ('{"ask": {"attributes": {"login": "uid", "department": "ou", "office": "",
                                     "extension": "telephoneNumber"}}}'::jsonb)"""
    )
    await connection.execute(
        """update person set source = 'directory', directory_extension = '731'
            where login = 'asonnino'"""
    )


async def test_what_the_directory_says_is_changed_there(company: Plant, database: Database) -> None:
    await database.unit_of_work(_from_the_directory)
    with pytest.raises(NotOurs) as refused:
        await change(database, "asonnino", department="Support", office="Viareggio")
    assert refused.value.fields == ("department",)
    assert await change(database, "asonnino", office="Viareggio") == ("office",)
    with pytest.raises(ToldByDirectory):
        await database.unit_of_work(
            people_extensions.take,
            await root(database),
            await id_of(database, "asonnino"),
            ExtensionKey("731"),
            NOW,
        )


async def test_a_role_of_the_directory_changes_only_where_it_is_fixed(
    company: Plant, database: Database
) -> None:
    await database.unit_of_work(_from_the_directory)
    with pytest.raises(NotOurs):
        await change(database, "asonnino", role="administrator")
    assert await change(database, "asonnino", role="administrator", role_fixed=True)


# Doors --------------------------------------------------------------------------------------------


async def _open_session(connection: Connection, login: str) -> None:
    now = datetime.now(UTC)
    await stored_sessions.start(
        connection,
        await person_id(connection, login),
        login.encode(),
        "csrf",
        now=now,
        expires_at=now + timedelta(hours=1),
    )


async def test_disabling_ends_sessions_extensions_and_budgets_and_enabling_gives_back(
    company: Plant, database: Database
) -> None:
    await budget_for(database, "asonnino", "100")
    await database.unit_of_work(_open_session, "asonnino")
    by, asonnino = await root(database), await id_of(database, "asonnino")
    assert await database.unit_of_work(people_doors.disable, by, asonnino, NOW)
    assert not await database.unit_of_work(people_doors.disable, by, asonnino, LATER)
    person = await database.unit_of_work(people.by_id, asonnino)
    assert person is not None
    assert (person.disabled, person.disabled_by, person.extensions) == (True, "administrator", ())
    assert await budget_owners(database) == set()
    listed = await database.unit_of_work(stored_sessions.listing, by.viewer, asonnino)
    assert listed == []

    assert await database.unit_of_work(people_doors.enable, by, asonnino, LATER)
    around = await database.unit_of_work(
        people_doors.around, by.viewer, asonnino, LATER, timedelta(hours=1)
    )
    assert around is not None
    assert [(one.from_at, one.until_at) for one in around.extensions] == [
        (LATER, None),
        (None, NOW),
    ]
    assert await budget_owners(database) == {"asonnino"}
    assert [whom for _, whom, _ in await audited(database, "person_enabled")] == ["asonnino"]


async def test_an_extension_taken_by_another_is_not_given_back(
    company: Plant, database: Database
) -> None:
    by, asonnino = await root(database), await id_of(database, "asonnino")
    dweber = await id_of(database, "dweber")
    await database.unit_of_work(people_doors.disable, by, asonnino, NOW)
    given = await database.unit_of_work(
        people_extensions.give, by, dweber, ExtensionKey("731"), NOW
    )
    assert given
    await database.unit_of_work(people_doors.enable, by, asonnino, LATER)
    owned = await database.unit_of_work(people_extensions.was_owner_of, asonnino)
    assert [one.until_at for one in owned] == [NOW]


async def test_the_last_administrator_with_a_password_keeps_their_door(
    company: Plant, database: Database
) -> None:
    await database.unit_of_work(set_hash, "root")
    by, rosa = await root(database), await id_of(database, "root")
    await change(database, "dweber", role="administrator")  # without a password: no door
    with pytest.raises(LastAdministrator):
        await database.unit_of_work(people_doors.disable, by, rosa, NOW)
    with pytest.raises(LastAdministrator):
        await database.unit_of_work(people_doors.clear_password, by, rosa, NOW)
    with pytest.raises(LastAdministrator):
        await change(database, "root", role="user")
    await database.unit_of_work(set_hash, "dweber")
    assert await change(database, "root", role="user") == ("role",)


async def test_an_extension_of_somebody_else_is_not_given(
    company: Plant, database: Database
) -> None:
    by, asonnino = await root(database), await id_of(database, "asonnino")
    with pytest.raises(ExtensionTaken) as refused:
        await database.unit_of_work(people_extensions.give, by, asonnino, ExtensionKey("732"), NOW)
    assert refused.value.owner == "Beata Kowalska"
    taken = await database.unit_of_work(
        people_extensions.take, by, await id_of(database, "bkowalska"), ExtensionKey("732"), NOW
    )
    assert taken
    assert await database.unit_of_work(
        people_extensions.give, by, asonnino, ExtensionKey("732"), NOW
    )
    assert not await database.unit_of_work(
        people_extensions.give, by, asonnino, ExtensionKey("732"), LATER
    )


async def test_a_link_can_be_sent_to_somebody_without_a_password(
    company: Plant, database: Database
) -> None:
    by, asonnino = await root(database), await id_of(database, "asonnino")
    await database.unit_of_work(
        people_doors.send_link,
        by,
        asonnino,
        b"token",
        {"link": "http://portal.example/x", "minutes": "60"},
        now=NOW,
        expires_at=LATER,
    )
    found = await database.unit_of_work(people.reset_owner, b"token", NOW)
    assert found is not None
    assert found.person_id == asonnino
    await database.unit_of_work(people_doors.disable, by, asonnino, NOW)
    assert await database.unit_of_work(people.reset_owner, b"token", NOW) is None
    with pytest.raises(StorageConflict):
        await database.unit_of_work(
            people_doors.send_link, by, asonnino, b"x", {}, now=NOW, expires_at=LATER
        )


# Free fields --------------------------------------------------------------------------------------


async def test_free_fields_are_named_and_go_out_of_use_without_loss(
    company: Plant, database: Database
) -> None:
    by = await root(database)
    labels = ("Vehicle", "", "Floor", *("",) * 7)
    assert await database.unit_of_work(people_admin.set_custom_labels, by, labels, NOW)
    assert not await database.unit_of_work(people_admin.set_custom_labels, by, labels, NOW)
    assert await database.unit_of_work(people_admin.custom_labels) == labels
    await change(database, "asonnino", custom=("MI 1", "", "3", *("",) * 7))
    await database.unit_of_work(people_admin.set_custom_labels, by, ("",) * 10, NOW)
    assert (await profile(database, "asonnino")).custom[0] == "MI 1"


# Listing ------------------------------------------------------------------------------------------


async def found(database: Database, page: int = 1, size: int = 50, **wanted: Any) -> PeoplePage:
    sort, descending = wanted.pop("sort", "name"), wanted.pop("descending", False)
    return await database.unit_of_work(
        people_listing.page_of,
        Viewer(None, "all"),
        PeopleFilter(**wanted),
        page,
        size,
        sort=sort,
        descending=descending,
    )


def logins(page: PeoplePage) -> list[str]:
    return [row.login for row in page.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"text": "and sonn"}, ["asonnino"]),
        ({"text": "KOWALSKA"}, ["bkowalska"]),
        ({"text": "74"}, ["dweber"]),
        ({"text": "%"}, []),
        ({"text": "_"}, []),
        ({"role": "administrator"}, ["root"]),
        ({"department": "SUPPORT"}, ["fhaddad", "dweber"]),
        ({"cost_centre": "CC-20"}, ["dweber"]),
        ({"office": "viareggio"}, ["fhaddad"]),
        ({"source": "directory"}, []),
        ({"state": "disabled"}, ["bkowalska"]),
        ({"without_extension": True}, ["bkowalska"]),
        ({"department": "Sales", "state": "enabled"}, ["cmoreau", "asonnino"]),
    ],
)
async def test_the_filters_find(
    company: Plant, database: Database, wanted: dict[str, Any], expected: list[str]
) -> None:
    by = await root(database)
    await database.unit_of_work(
        people_doors.disable, by, await id_of(database, "bkowalska"), datetime.now(UTC)
    )
    page = await found(database, **wanted)
    assert logins(page) == expected
    assert page.total == len(expected)


async def test_the_list_is_sorted_and_paged(company: Plant, database: Database) -> None:
    everybody = ["root", "fhaddad", "bkowalska", "cmoreau", "asonnino", "dweber"]
    assert logins(await found(database)) == everybody
    assert logins(await found(database, descending=True)) == everybody[::-1]
    assert logins(await found(database, sort="extension"))[-1] == "root"
    assert logins(await found(database, page=2, size=4)) == everybody[4:]
    assert logins(await found(database, page=9, size=4)) == everybody[4:]
    assert (await found(database, page=9, size=4)).total == 6
