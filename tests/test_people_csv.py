"""A list of people out and in again: nothing is lost, nothing is written by surprise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from fixtures_web import HASH, budget_for, id_of

from storage import budgets, people, people_admin, people_import, people_listing
from storage.company import load_plant
from storage.database import Connection, Database
from storage.people_admin import Author, LastAdministrator, Profile
from storage.people_import import Upload
from storage.people_listing import Listed, PeopleFilter, listed_of
from storage.viewer import Viewer
from telephony.plant import ExtensionKey, Plant
from web.people_csv import COLUMNS, NotReadable, escaped, read, unescaped, written
from web.people_plan import Plan, Stored, plan

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
EVERYBODY = Viewer(None, "all")
NOUR = "\u0646\u0648\u0631"
"""A name in Arabic."""

SITES = {1: "Milano", 2: "Viareggio"}


def listed(number: int, login: str, extension: str = "", **fields: object) -> Listed:
    """Somebody of Sales, as the list has them."""
    values: dict[str, object] = {
        "id": number,
        "login": login,
        "first_name": login.title(),
        "last_name": "Prova",
        "email": "",
        "department": "Sales",
        "cost_centre": "",
        "office": "Milano",
        "site": "Milano",
        "role": "user",
        "scope": None,
        "language": "",
        "time_format": "",
        "masked_digits": None,
        "custom": ("",) * 10,
        "source": "local",
        "role_fixed": False,
        "disabled": False,
        "disabled_by": None,
        "extensions": (ExtensionKey.parse(extension),) if extension else (),
    }
    return Listed(**(values | fields))  # type: ignore[arg-type]


ADA, BEA = listed(1, "ada", "701"), listed(2, "bea", "702")


def planned(text: str, *stored: Listed, owned: frozenset[str] = frozenset()) -> Plan:
    return plan(read(text.encode()), Stored(stored or (ADA, BEA), SITES, owned))


def mistakes(of: Plan) -> list[tuple[int, str, str]]:
    """Line, column and the reason with its values, as English has it."""
    return [(m.line, m.field, m.wrong.message % m.wrong.values) for m in of.mistakes]


def changes(of: Plan) -> dict[str, Mapping[str, tuple[str, str]]]:
    return {one.login: one.changes for one in of.changed}


# Reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        ("login,last_name\nzofia,Wójcik\n".encode(), "UTF-8", ","),
        ("\ufefflogin;last_name\r\nzofia;Wójcik\r\n".encode(), "UTF-8", ";"),
        ("login\tlast_name\nzofia\tWójcik".encode("utf-16"), "UTF-16", "\t"),
        ("Login;Last Name\nzofia;Wójcik\n".encode("cp1252"), "Windows-1252", ";"),
        ('"login","last-name"\n"zofia","Wójcik"\n'.encode(), "UTF-8", ","),
        ("\r\n\r\nlogin,note,last_name\n\nzofia,a;b;c,Wójcik\n".encode(), "UTF-8", ","),
    ],
)
def test_what_spreadsheets_write_is_read(content: bytes, encoding: str, delimiter: str) -> None:
    sheet = read(content)
    assert (sheet.encoding, sheet.delimiter) == (encoding, delimiter)
    assert [dict(row.cells) for row in sheet.rows] == [{"login": "zofia", "last_name": "Wójcik"}]


def test_a_quoted_cell_may_hold_lines_and_the_next_row_knows_its_own_line() -> None:
    sheet = read(b'login,custom_1\nada,"one\ntwo ""three"""\nbea,x\n')
    assert [(row.line, row.cells["custom_1"]) for row in sheet.rows] == [
        (2, 'one\ntwo "three"'),
        (4, "x"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b" \r\n;;;\r\n", "The file is empty."),
        (b"name,mail\nAda,x", "one of them must be"),
        (b"login,login\nada,bea\n", "is there twice"),
        (b"login,last_name\nada,\x81\n", "no known encoding"),
        (b"login,last_name\nada," + b"x" * 200_000, "Line 2 cannot be read"),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(NotReadable) as refused:
        read(content)
    wrong = refused.value.wrong
    assert reason in wrong.message % wrong.values


def test_a_column_of_somebody_else_is_left_out_and_named() -> None:
    sheet = read(b"login,departmnet,shoe size\nada,Sales,38\n")
    assert sheet.columns == ("login",)
    assert sheet.unknown == (("departmnet", "department"), ("shoe size", ""))


@pytest.mark.parametrize(
    "cell", ["", "Ada", "=1+1", "+39", "-3", "@x", "\tx", "'", "'=x", "''=x", "'n Sync", "it's"]
)
def test_a_cell_is_no_formula_and_comes_back_as_it_was(cell: str) -> None:
    assert not escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unescaped(escaped(cell)) == cell


# What a list means --------------------------------------------------------------------------------


def test_a_column_that_is_missing_changes_nothing() -> None:
    assert planned("login\nada\nBEA\n").unchanged == 2


def test_an_empty_cell_empties_its_field_but_role_and_site_stay() -> None:
    boss = listed(1, "ada", role="administrator", email="a@example.com")
    of = planned("login,email,role,site,disabled\nada,,,,\n", boss)
    assert changes(of) == {"ada": {"email": ("a@example.com", "")}}


def test_somebody_new_is_at_the_site_called_like_their_office_else_at_the_first() -> None:
    of = planned("login,office\ncleo,Viareggio\ndino,Roma\n")
    assert [one.written.profile.site_id for one in of.created] == [2, 1]
    assert of.created[0].written.profile.role == "user"


def test_nothing_is_changed_of_people_the_list_does_not_name() -> None:
    of = planned("login,department\nada,Support\n")
    assert [one.login for one in of.changed] == ["ada"]
    assert not of.created


def test_two_people_can_swap_their_extensions() -> None:
    of = planned("login,extension\nada,702\nbea,701\n")
    assert not of.mistakes
    assert changes(of)["ada"] == {"extension": ("701", "702")}
    assert of.changed[0].written.gives == (ExtensionKey("702"),)
    assert of.changed[0].written.takes == (ExtensionKey("701"),)


def test_an_extension_stays_with_who_keeps_it() -> None:
    of = planned("login,extension\ncleo,702\n")
    assert mistakes(of) == [(2, "extension", "Extension 702 is Bea Prova (bea)’s.")]
    assert not of.created


def test_a_row_with_a_mistake_gives_nothing_up() -> None:
    of = planned("login,extension,email\nbea,,nowhere\ncleo,702,\ndino,703,\n")
    assert [line for line, _, _ in mistakes(of)] == [2, 3]
    assert [one.login for one in of.created] == ["dino"]


def test_a_chain_of_extensions_falls_with_its_last_link() -> None:
    cleo = listed(3, "cleo", "703")
    of = planned("login,extension\nada,702\nbea,703\ndino,701\n", ADA, BEA, cleo)
    assert {(line, column) for line, column, _ in mistakes(of)} == {
        (2, "extension"),
        (3, "extension"),
        (4, "extension"),
    }


def test_several_extensions_and_partitions() -> None:
    two = listed(1, "ada", extensions=(ExtensionKey("701"), ExtensionKey("745", "PT-B")))
    one = listed(2, "bea", extensions=(ExtensionKey("702", "PT-A"),))
    assert (
        planned("login,extension,partition\nada,701 745@PT-B,\nbea,702,PT-A\n", two, one).changed
        == ()
    )
    # Without the column a partition stays what it is.
    assert planned("login,extension\nbea,702\n", two, one).changed == ()
    of = planned("login,extension,partition\nada,701 745,PT-B\n", two)
    assert mistakes(of) == [(2, "extension", "A partition goes with exactly one extension.")]


def test_who_is_disabled_gives_their_extension_up_for_another() -> None:
    of = planned("login,extension,disabled\nada,701,yes\ncleo,701,no\n")
    assert of.changed[0].written.disabled is True
    assert of.changed[0].written.takes == (ExtensionKey("701"),)
    assert of.created[0].written.gives == (ExtensionKey("701"),)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("cl eo,,,,,,", "login", "one word"),
        (",a@example.com,,,,,", "login", "one word"),
        ("cleo,nowhere,,,,,", "email", "no mail address"),
        ("cleo,,Roma,,,,", "site", "There is no site “Roma”."),
        ("cleo,,,boss,,,", "role", "none of: user, supervisor, administrator"),
        ("cleo,,,supervisor,,,", "scope", "Say whose calls"),
        ("cleo,,,supervisor,office,,", "scope", "in none themselves"),
        ("cleo,,,user,office,,", "scope", "Only a supervisor has one"),
        ("cleo,,,,,21,", "masked_digits", "from 0 to 20"),
        ("cleo,,,,,,maybe", "disabled", "neither yes nor no"),
        ("cleo,,,,,,no,more", "", "more cells than"),
        ("cle\0o,,,,,,", "login", "cannot be shown"),
        ("c" * 201 + ",,,,,,", "login", "200 letters"),
    ],
)
def test_a_mistake_is_told_with_line_field_and_reason(row: str, column: str, reason: str) -> None:
    of = planned(f"login,email,site,role,scope,masked_digits,disabled\nada,,,,,,\n{row}\n")
    assert not of.created
    [(line, told, why)] = mistakes(of)
    assert (line, told) == (3, column)
    assert reason in why


def test_one_user_name_stands_on_one_line() -> None:
    of = planned("login,department\nada,Support\nADA,Sales\n")
    assert mistakes(of) == [(3, "login", "The same user name is on line 2.")]


def test_what_the_directory_says_is_not_changed_by_a_list() -> None:
    theirs = listed(1, "ada", "701", source="directory")
    owned = frozenset({"department", "extension"})
    of = planned("login,department,office,extension,role\nada,X,Roma,,user\n", theirs, owned=owned)
    assert {column for _, column, _ in mistakes(of)} == {"department", "extension"}
    fine = planned("login,office\nada,Roma\n", theirs, owned=owned)
    assert changes(fine) == {"ada": {"office": ("Milano", "Roma")}}
    risen = planned("login,role\nada,administrator\n", theirs, owned=owned)
    assert [column for _, column, _ in mistakes(risen)] == ["role"]


def test_an_old_mistake_of_somebody_does_not_stop_another_field() -> None:
    odd = listed(1, "ada", email="nowhere")
    assert changes(planned("login,email,office\nada,nowhere,Roma\n", odd)) == {
        "ada": {"office": ("Milano", "Roma")}
    }


# In and out of the database -----------------------------------------------------------------------


async def everybody(connection: Connection) -> list[Listed]:
    return listed_of(await people_listing.everybody(connection, EVERYBODY, PeopleFilter()))


async def planned_now(connection: Connection, content: bytes) -> Plan:
    sites = await people_listing.sites(connection)
    return plan(read(content), Stored(await everybody(connection), sites))


async def brought_in(database: Database, content: bytes) -> Plan:
    """Plan and write a list, as the page does when it is confirmed."""
    author = Author(Viewer(await id_of(database, "root"), "all"), "root", "192.0.2.7")

    async def work(connection: Connection) -> Plan:
        await people_admin.begin(connection, author)
        made = await planned_now(connection, content)
        await people_import.write(connection, author, made.written, NOW, "people.csv")
        return made

    return await database.unit_of_work(work)


async def test_a_list_read_back_changes_nothing(company: Plant, database: Database) -> None:
    strange = [
        Profile("=cmd", "=1+1", "+Wójcik", "-x@example.com", "@Sales", "'=CC", NOUR, 1),
        Profile("noor", NOUR, "Ł", role="supervisor", scope="department",
                department="a;b,c\td\"e", time_format="24", masked_digits=0,
                custom=("one\ntwo", "'", "''-", "None", "\\N", "-", "", "", "", "x")),
    ]  # fmt: skip
    author = Author(Viewer(await id_of(database, "root"), "all"))
    for made in strange:
        await database.unit_of_work(people_admin.create, author, made, NOW)
    before = await database.unit_of_work(everybody)
    content = written(before)
    assert content.startswith(b"\xef\xbb\xbflogin,first_name,")
    of = await database.unit_of_work(planned_now, content)
    assert (of.created, of.changed, of.mistakes) == ((), (), ())
    assert of.unchanged == len(before) == 8
    await brought_in(database, content)
    assert await database.unit_of_work(everybody) == before


async def test_a_list_written_by_an_export_makes_the_same_people_elsewhere(
    company: Plant, database: Database
) -> None:
    text = "login,first_name,custom_1,extension,department\n'=x,'@y,'-1,'+39 760,None\n"
    await brought_in(database, text.encode())
    [person] = [p for p in await database.unit_of_work(everybody) if p.login == "=x"]
    assert (person.first_name, person.custom[0], person.department) == ("@y", "-1", "None")
    assert set(person.extensions) == {ExtensionKey("760"), ExtensionKey("+39")}


async def test_a_list_makes_changes_and_disables_and_all_of_it_is_audited(
    company: Plant, database: Database
) -> None:
    await budget_for(database, "Support", "10", target="department")
    await budget_for(database, "dweber", "100")
    content = (
        "login,department,extension,disabled\n"
        "asonnino,Support,741,no\ndweber,Support,,yes\ngneri,Support,760,no\n"
    )
    await brought_in(database, content.encode())
    plant = await database.unit_of_work(load_plant)
    ids = {login: await id_of(database, login) for login in ("asonnino", "gneri", "dweber")}
    now = datetime.now(UTC)
    owners = {n: owner.person_id for n in ("741", "760") if (owner := plant.owner(n, "", now))}
    assert owners == {"741": ids["asonnino"], "760": ids["gneri"]}
    assert plant.owner("731", "", now) is None
    gone = await database.unit_of_work(people.by_login, "dweber")
    assert gone is not None
    assert (gone.disabled, gone.disabled_by) == (True, "administrator")
    viewer = Viewer(ids["dweber"], "own")
    assert not await database.unit_of_work(budgets.for_person, viewer, now)

    async def audited(connection: Connection) -> list[tuple[str, str]]:
        rows = await connection.fetch("select action, subject from audit order by action, subject")
        return [(row["action"], row["subject"]) for row in rows]

    assert await database.unit_of_work(audited) == [
        ("people_imported", ""),
        ("person_changed", "asonnino"),
        ("person_changed", "dweber"),
        ("person_created", "gneri"),
        ("person_disabled", "dweber"),
    ]
    again = await database.unit_of_work(planned_now, content.encode())
    assert (again.created, again.changed, again.mistakes) == ((), (), ())


async def test_a_list_enables_again_and_gives_back_the_extension(
    company: Plant, database: Database
) -> None:
    await brought_in(database, b"login,disabled\nasonnino,yes\n")
    await brought_in(database, b"login,disabled\nasonnino,no\n")
    person = await database.unit_of_work(people.by_login, "asonnino")
    assert person is not None
    assert (person.disabled, person.extensions) == (False, (ExtensionKey("731"),))


async def test_a_list_that_shuts_the_last_door_writes_nothing(
    company: Plant, database: Database
) -> None:
    async def passwords(connection: Connection) -> None:
        await connection.execute("update person set password_hash = $1 where login = 'root'", HASH)

    await database.unit_of_work(passwords)
    before = await database.unit_of_work(everybody)
    with pytest.raises(LastAdministrator):
        await brought_in(database, b"login,disabled,department\nasonnino,,X\nroot,yes,\n")
    assert await database.unit_of_work(everybody) == before


async def test_a_file_waits_for_its_own_administrator_alone(
    company: Plant, database: Database
) -> None:
    own = Viewer(await id_of(database, "root"), "all")
    other = Viewer(await id_of(database, "dweber"), "all")
    kept = Upload(uuid4(), "people.csv", b"login\nada\n")
    await database.unit_of_work(people_import.keep_upload, own, kept, NOW)
    assert await database.unit_of_work(people_import.upload_of, own, kept.key) == kept
    assert await database.unit_of_work(people_import.upload_of, other, kept.key) is None
    await database.unit_of_work(people_import.keep_upload, own, Upload(uuid4(), "", b"x"), NOW)
    assert await database.unit_of_work(people_import.upload_of, own, kept.key) is None


async def test_ten_thousand_people_are_written_together(company: Plant, database: Database) -> None:
    rows = [f"p{n},Person,Number {n},{20_000 + n},D{n % 50},CC-{n % 20}" for n in range(10_000)]
    text = "login,first_name,last_name,extension,department,cost_centre\n" + "\n".join(rows)
    made = await brought_in(database, text.encode())
    assert (len(made.created), made.unchanged, made.mistakes) == (10_000, 0, ())
    again = await database.unit_of_work(planned_now, text.encode())
    assert (again.created, again.changed, again.unchanged) == ((), (), 10_000)
    changed = text.replace(",D7,", ",D8,")
    of = await brought_in(database, changed.encode())
    assert len(of.changed) == 200
    found = await database.unit_of_work(
        people_listing.page_of, EVERYBODY, PeopleFilter(department="d8", text="number 7"), 1, 50
    )
    assert found.total > 0
    assert all(row.department == "D8" for row in found.rows)


def test_the_columns_are_those_of_the_site_file() -> None:
    assert COLUMNS[0] == "login"
    assert len(COLUMNS) == len(set(COLUMNS)) == 26
