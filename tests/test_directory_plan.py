"""What a company must change to be what its directory says; nothing is asked and nothing done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_directory import SETTINGS, an_entry

from actors.directory_plan import Rules, digest, plan
from directory.port import AttributeNames, DirectoryPerson
from storage.directory_types import (
    Difference,
    KnownCompany,
    KnownOwner,
    KnownPerson,
    Planned,
    SyncPlan,
)
from telephony.plant import ExtensionKey

RULES = Rules.of(SETTINGS.attributes)
MILANO, ROMA = 1, 2


def somebody(number: int, login: str, **more: Any) -> KnownPerson:
    """Somebody the directory knows, as `an_entry` of the same login would make them."""
    entry = an_entry(login, login.title(), "Prova")
    fields: dict[str, Any] = {
        "source": "directory",
        "directory_key": entry.key,
        "first_name": entry.first_name,
        "last_name": entry.last_name,
        "email": entry.email,
        "site_id": MILANO,
        "directory_extension": more.pop("extension", ""),
    }
    return KnownPerson(number, login, **(fields | more))


def entry_of(person: KnownPerson, **more: Any) -> DirectoryPerson:
    """The entry that says of somebody what is known already."""
    fields: dict[str, Any] = {"extension": person.directory_extension, "role": person.role}
    return replace(an_entry(person.login, person.login.title(), "Prova"), **(fields | more))


def a_company(*people: KnownPerson, owners: dict[str, int] | None = None) -> KnownCompany:
    """These people at two sites; `owners` gives the person of an extension (`731@PT`)."""
    found = owners
    if found is None:
        found = {p.directory_extension: p.id for p in people if p.directory_extension}
    return KnownCompany(
        people,
        tuple(
            KnownOwner(100 + n, ExtensionKey.parse(text), person_id)
            for n, (text, person_id) in enumerate(found.items())
        ),
        {MILANO: "Milano", ROMA: "Roma"},
        MILANO,
        administrators=1 + sum(p.role == "administrator" for p in people),
    )


def the_one(planned: tuple[Planned, ...]) -> Planned:
    assert len(planned) == 1
    return planned[0]


def kinds(made: SyncPlan) -> list[str]:
    return [problem.kind for problem in made.problems]


def test_somebody_new_is_created_with_all_there_is_to_say() -> None:
    entry = an_entry(
        "anna", "Anna", "Bianchi", extension="731", office="roma", language="de-CH",
        custom=("Head", "2", *[""] * 8), role="supervisor",
    )  # fmt: skip
    made = plan(a_company(), [entry], RULES)
    new = the_one(made.created)
    assert new.opening == "731"
    assert (new.fields.site_id, new.fields.directory_language) == (ROMA, "de")
    assert (new.fields.role, new.fields.scope) == ("supervisor", "department")
    assert new.fields.custom[:2] == ("Head", "2")
    assert Difference("office", "", "roma") in new.differences


def test_what_is_the_same_changes_nothing() -> None:
    anna = somebody(1, "anna", extension="731")
    made = plan(a_company(anna), [entry_of(anna)], RULES)
    assert not made
    assert made.problems == ()


def test_a_renamed_entry_is_the_same_person() -> None:
    anna = somebody(1, "anna")
    made = plan(a_company(anna), [entry_of(anna, login="ABianchi", last_name="Rossi")], RULES)
    changed = the_one(made.changed)
    assert changed.person_id == 1
    assert set(changed.differences) == {
        Difference("login", "anna", "ABianchi"),
        Difference("last_name", "Prova", "Rossi"),
    }


def test_an_account_without_a_password_is_taken_over_by_its_login() -> None:
    local = somebody(1, "Anna", source="local", directory_key=None)
    made = plan(a_company(local), [entry_of(somebody(1, "anna"))], RULES)
    assert the_one(made.changed).person_id == 1


def test_a_local_account_with_a_password_is_left_alone() -> None:
    local = somebody(1, "Anna", source="local", directory_key=None, has_password=True)
    made = plan(a_company(local), [entry_of(somebody(1, "anna"))], RULES)
    assert not made
    assert kinds(made) == ["local_account"]


def test_a_login_somebody_else_has_is_not_taken() -> None:
    anna, bea = somebody(1, "anna"), somebody(2, "bea")
    made = plan(a_company(anna, bea), [entry_of(anna, login="BEA"), entry_of(bea)], RULES)
    assert not made
    assert kinds(made) == ["twice"]


@pytest.mark.parametrize("complete", [True, False])
def test_who_is_called_like_somebody_before_them_is_not_them(complete: bool) -> None:
    """Calls, rights and a role once fixed stay with the entry they were given to."""
    before = somebody(7, "anna", directory_key="k-anna", role="administrator", role_fixed=True)
    after = replace(entry_of(before), key="k-eve", role="user")
    made = plan(a_company(before), [after], RULES, complete=complete)
    assert kinds(made) == ["login_taken"]
    assert not made.created
    assert not made.changed
    assert not made.enabled


def test_a_login_that_becomes_free_waits_for_the_next_run() -> None:
    anna = somebody(1, "anna")
    entries = [entry_of(anna, login="anna2"), an_entry("anna", "New", "Anna", key="new")]
    made = plan(a_company(anna), entries, RULES)
    assert the_one(made.changed).fields.login == "anna2"
    assert not made.created
    assert kinds(made) == ["login_taken"]


def test_entries_nobody_can_sign_in_with_are_told() -> None:
    entries = [
        an_entry("", "No", "Login", key="a"),
        an_entry("anna", "One", "Anna", key="b"),
        an_entry("ANNA", "Two", "Anna", key="c", dn="uid=z"),
    ]
    made = plan(a_company(), entries, RULES)
    assert the_one(made.created).fields.first_name == "One"
    assert sorted(kinds(made)) == ["no_login", "twice"]


def test_who_is_gone_is_disabled_and_their_extension_is_free() -> None:
    anna, bea = somebody(1, "anna", extension="731"), somebody(2, "bea")
    made = plan(a_company(anna, bea), [entry_of(bea, extension="731")], RULES)
    assert [gone.person_id for gone in made.disabled] == [1]
    assert made.disabled[0].closing == (100,)
    assert the_one(made.changed).opening == "731"
    assert made.problems == ()


def test_local_people_are_never_gone() -> None:
    local = somebody(1, "anna", source="local", directory_key=None, has_password=True)
    assert not plan(a_company(local), [an_entry("bea", "Bea", "Neri")], RULES).disabled


def test_one_entry_alone_says_nothing_of_the_others() -> None:
    anna, bea = somebody(1, "anna"), somebody(2, "bea")
    assert not plan(a_company(anna, bea), [entry_of(bea)], RULES, complete=False).disabled


def test_an_account_closed_in_the_directory_is_disabled_and_never_created() -> None:
    anna = somebody(1, "anna")
    entries = [entry_of(anna, disabled=True), an_entry("bea", "Bea", "Neri", disabled=True)]
    made = plan(a_company(anna), entries, RULES)
    assert [(gone.person_id, gone.closed) for gone in made.disabled] == [(1, True)]
    assert not made.created


@pytest.mark.parametrize(("by", "returns"), [("directory", True), ("administrator", False)])
def test_only_who_the_directory_disabled_comes_back(by: str, returns: bool) -> None:
    anna = somebody(1, "anna", disabled=True, disabled_by=by, directory_extension="731")
    made = plan(a_company(anna, owners={}), [entry_of(anna, extension="731")], RULES)
    assert [one.person_id for one in made.enabled] == ([1] if returns else [])
    assert [one.opening for one in made.enabled] == (["731"] if returns else [])
    assert not made.changed


def test_what_the_directory_does_not_say_stays() -> None:
    rules = Rules.of(AttributeNames(department="", language="", extension="", custom=("title",)))
    anna = somebody(
        1, "anna", department="Sales", directory_language="it", extension="731",
        custom=("Chief", "kept", *[""] * 8),
    )  # fmt: skip
    made = plan(a_company(anna), [entry_of(anna, extension="", department="")], rules)
    changed = the_one(made.changed)
    assert changed.fields.department == "Sales"
    assert changed.fields.directory_language == "it"
    assert changed.fields.custom[:2] == ("", "kept")
    assert changed.closing == ()


def test_a_fixed_role_stays() -> None:
    free = somebody(1, "anna", role="administrator")
    fixed = replace(free, role_fixed=True)
    entry = entry_of(free, role="user")
    assert the_one(plan(a_company(free), [entry], RULES).changed).fields.role == "user"
    assert not plan(a_company(fixed), [entry], RULES)


def test_sites_follow_offices_where_wanted() -> None:
    anna = somebody(1, "anna", office="Milano")
    entry = entry_of(anna, office="Roma")
    followed = the_one(plan(a_company(anna), [entry], RULES).changed)
    assert followed.fields.site_id == ROMA
    assert Difference("site", "Milano", "Roma") in followed.differences
    left = the_one(plan(a_company(anna), [entry], replace(RULES, sites_by_office=False)).changed)
    assert left.fields.site_id == MILANO


# Extensions --------------------------------------------------------------------------------------


def test_two_people_swap_extensions() -> None:
    anna, bea = somebody(1, "anna", extension="731"), somebody(2, "bea", extension="732")
    entries = [entry_of(anna, extension="732"), entry_of(bea, extension="731")]
    made = plan(a_company(anna, bea), entries, RULES)
    assert {(one.person_id, one.opening, one.closing) for one in made.changed} == {
        (1, "732", (100,)),
        (2, "731", (101,)),
    }


def test_nobodys_extension_is_taken_and_the_own_one_is_kept() -> None:
    anna = somebody(1, "anna", extension="731")
    local = somebody(2, "bea", source="local", directory_key=None, has_password=True)
    company = a_company(anna, local, owners={"731": 1, "732@PT-Roma": 2})
    made = plan(company, [entry_of(anna, extension="732")], RULES)
    assert not made
    assert [tuple(problem) for problem in made.problems] == [
        ("extension_taken", "Anna Prova", "732|Bea Prova")
    ]


def test_a_chain_that_ends_at_somebody_elses_extension_does_not_move() -> None:
    anna, bea = somebody(1, "anna", extension="731"), somebody(2, "bea", extension="732")
    local = somebody(3, "carl", source="local", directory_key=None, has_password=True)
    company = a_company(anna, bea, local, owners={"731": 1, "732": 2, "733": 3})
    entries = [entry_of(anna, extension="732"), entry_of(bea, extension="733")]
    made = plan(company, entries, RULES)
    assert not made
    assert kinds(made) == ["extension_taken", "extension_taken"]


def test_of_two_entries_with_one_extension_one_gets_it() -> None:
    entries = [an_entry(name, name, "Nuovo", extension="731") for name in ("anna", "bea")]
    made = plan(a_company(), entries, RULES)
    assert sorted(one.opening for one in made.created) == ["", "731"]
    assert kinds(made) == ["extension_taken"]


def test_an_extension_an_administrator_gave_stays() -> None:
    boss = somebody(1, "anna", extension="731")
    company = a_company(boss, owners={"731": 1, "900": 1})
    changed = the_one(plan(company, [entry_of(boss, extension="740")], RULES).changed)
    assert (changed.closing, changed.opening) == ((100,), "740")
    assert Difference("extension", "731, 900", "900, 740") in changed.differences


def test_an_extension_in_a_partition_is_the_same_extension() -> None:
    anna = somebody(1, "anna", extension="731")
    assert not plan(a_company(anna, owners={"731@PT-Milano": 1}), [entry_of(anna)], RULES)


def test_an_extension_that_is_none_is_told() -> None:
    anna = somebody(1, "anna", extension="731")
    made = plan(a_company(anna), [entry_of(anna, extension="ask Bea")], RULES)
    assert not made
    assert kinds(made) == ["extension_unusable"]


# Safety ------------------------------------------------------------------------------------------


def test_the_last_administrator_is_noticed() -> None:
    boss = somebody(1, "anna", role="administrator")
    company = replace(a_company(boss), administrators=1)
    assert plan(company, [], RULES).leaves_no_administrator
    assert plan(company, [entry_of(boss, role="user")], RULES).leaves_no_administrator
    new = an_entry("bea", "Bea", "Neri", role="administrator")
    assert not plan(company, [new], RULES).leaves_no_administrator
    assert not plan(replace(company, administrators=2), [], RULES).leaves_no_administrator


def test_a_digest_tells_plans_apart_and_nothing_else() -> None:
    anna = somebody(1, "anna", extension="731")
    first = [entry_of(anna, last_name="Rossi"), an_entry("bea", "Bea", "Neri")]
    same = plan(a_company(anna), list(reversed(first)), RULES)
    assert digest(plan(a_company(anna), first, RULES)) == digest(same)
    other = plan(a_company(anna), [first[0], an_entry("bea", "Bea", "Nera")], RULES)
    assert digest(other) != digest(same)
    assert digest(plan(a_company(anna), first[:1], RULES)) != digest(same)


def test_texts_fit_into_a_row() -> None:
    entry = an_entry("anna", "An\0na\n", "B" * 5000, extension="+39 (02) 667-731")
    new = the_one(plan(a_company(), [entry], RULES).created)
    assert new.fields.first_name == "An na"
    assert len(new.fields.last_name) == 400
    assert new.opening == "+3902667731"
