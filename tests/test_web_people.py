"""The pages about people, as an administrator uses them; nobody else sees any of them."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from fixtures_web import HASH, PASSWORD, Browser, budget_for, id_of
from quart.datastructures import FileStorage
from quart.wrappers import Response
from quart_trio import QuartTrio

from storage import people, people_admin
from storage.database import Connection, Database
from storage.people import Person
from telephony.plant import ExtensionKey
from web.people_import import MOST_BYTES


@pytest.fixture
async def admin(browser: Browser) -> Browser:
    """Rosa, signed in."""
    await browser.sign_in("root")
    return browser


async def person(database: Database, login: str) -> Person:
    found = await database.unit_of_work(people.by_login, login)
    assert found is not None
    return found


def fields_of(page: str) -> dict[str, str]:
    """What the profile's form would send as it stands."""
    form = page[page.index('id="profile"') :]
    form = form[: form.index("</form>")]
    inputs = re.findall(r"<input [^>]*>", form)
    found = {
        name[1]: value[1] if (value := re.search(r'\bvalue="([^"]*)"', tag)) else ""
        for tag in inputs
        if (name := re.search(r'\bname="([^"]*)"', tag)) and " disabled" not in tag
    }
    selects = re.compile(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', re.DOTALL)
    for name, body in selects.findall(form):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name] = chosen[1] if chosen else ""
    found.pop("role_fixed", None)
    found.pop("csrf_token")
    found["base"] = found["base"].replace("&#34;", '"')
    return found


async def save(browser: Browser, person_id: int, **typed: str) -> Response:
    """Type into the form of the page last read, and save."""
    path = f"/admin/people/{person_id}"
    return await browser.submit(path, **(fields_of(browser.page) | typed))


async def send_file(browser: Browser, content: bytes) -> Response:
    await browser.get("/admin/people/import")
    answer = await browser.client.post(
        "/admin/people/import",
        form={"csrf_token": browser.hidden("csrf_token")},
        files={"list": FileStorage(BytesIO(content), filename="people.csv")},
        headers=browser.headers,
    )
    browser.page = await answer.get_data(as_text=True)
    return answer


# Who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["asonnino", "cmoreau"])
async def test_nobody_but_an_administrator_sees_or_changes_people(
    browser: Browser, database: Database, login: str
) -> None:
    await browser.sign_in(login)
    dweber = await id_of(database, "dweber")
    await browser.get("/account/")
    secret = browser.hidden("csrf_token")
    for path in ("", ".csv", "/new", "/fields", "/import", f"/{dweber}", f"/{dweber}/disable"):
        assert (await browser.get(f"/admin/people{path}")).status_code == 403
    for path in ("/new", "/fields", "/import", f"/{dweber}", f"/{dweber}/disable"):
        answer = await browser.post(f"/admin/people{path}", csrf_token=secret, login="x")
        assert answer.status_code == 403
    assert not (await person(database, "dweber")).disabled


async def test_without_a_session_the_way_leads_to_the_door(browser: Browser) -> None:
    answer = await browser.get("/admin/people.csv")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=")


# The list -----------------------------------------------------------------------------------------


async def test_the_list_filters_and_says_by_what(admin: Browser) -> None:
    await admin.get("/admin/people")
    assert "6 people" in admin.text
    await admin.get("/admin/people?department=Support&q=weber")
    assert "1 person" in admin.text
    assert "Dieter Weber" in admin.text
    assert "Andrea Sonnino" not in admin.text
    assert 'href="/admin/people?q=weber"' in admin.page  # the chip takes the other one away
    await admin.get("/admin/people?q=nobody+at+all")
    assert "Nobody fits these filters" in admin.text


@pytest.mark.parametrize(
    "query",
    ["page=99999", "page=-1", "sort=password_hash", "site=1;drop", "role=king", "q=%00", "dir=up"],
)
async def test_nonsense_in_the_address_is_left_out(admin: Browser, query: str) -> None:
    answer = await admin.get(f"/admin/people?{query}")
    assert answer.status_code in {200, 400}
    assert "%00" in query or "6 people" in admin.text


async def test_the_export_is_what_the_filters_find(admin: Browser) -> None:
    answer = await admin.get("/admin/people.csv?department=Support&sort=login")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = admin.page.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("login,first_name,last_name,email,extension,partition,department")
    assert [line.split(",")[0] for line in lines[1:]] == ["dweber", "fhaddad"]


# One person ---------------------------------------------------------------------------------------


async def test_somebody_is_changed_and_the_page_says_so(admin: Browser, database: Database) -> None:
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    assert f"/analytics/calls?person={dweber}" in admin.page
    answer = await save(
        admin, dweber, department="Sales", role="supervisor", scope="office", masked_digits="3"
    )
    assert answer.headers["Location"] == f"/admin/people/{dweber}?done=saved"
    changed = await person(database, "dweber")
    assert (changed.department, changed.role, changed.scope) == ("Sales", "supervisor", "office")
    assert changed.masked_digits == 3
    await admin.get(answer.headers["Location"])
    assert "Saved." in admin.text


async def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    admin: Browser, database: Database
) -> None:
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    answer = await save(admin, dweber, email="nowhere", last_name="<b>Webber</b>", login="asonnino")
    assert answer.status_code == 422
    assert "“nowhere” is no mail address." in admin.text
    assert "&lt;b&gt;Webber&lt;/b&gt;" in admin.page
    answer = await save(admin, dweber, email="", last_name="Webber", login="asonnino")
    assert "Somebody else has this user name." in admin.text
    assert (await person(database, "dweber")).last_name == "Weber"


async def test_two_administrators_do_not_overwrite_one_another(
    admin: Browser, database: Database
) -> None:
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    first = admin.page
    await save(admin, dweber, office="Viareggio", first_name="Dirk")
    admin.page = first  # the second one's page was opened before
    answer = await save(admin, dweber, last_name="Webber", first_name="Dietmar")
    assert answer.status_code == 409
    assert "Somebody was faster" in admin.text
    assert "First name Dieter Dirk Dietmar" in admin.text
    assert "Office Milano Viareggio" in admin.text
    typed = fields_of(admin.page)
    assert (typed["last_name"], typed["first_name"]) == ("Webber", "Dietmar")
    assert typed["office"] == "Viareggio"  # not theirs to undo
    assert (await person(database, "dweber")).first_name == "Dirk"
    await save(admin, dweber)
    saved = await person(database, "dweber")
    assert (saved.first_name, saved.last_name, saved.office) == ("Dietmar", "Webber", "Viareggio")


async def test_a_form_that_brings_nonsense_back_is_no_failure(
    admin: Browser, database: Database
) -> None:
    dweber = await id_of(database, "dweber")
    for base in ("", "[]", "{", '{"masked_digits": "x"}', '{"role": 7, "site": null}'):
        await admin.get(f"/admin/people/{dweber}")
        answer = await save(admin, dweber, base=base, last_name="Webber")
        assert answer.status_code in {303, 409}


async def test_nobody_of_that_number_is_not_found(admin: Browser) -> None:
    for number in ("0", "999999", "2147483647", "2147483648", "x"):
        assert (await admin.get(f"/admin/people/{number}")).status_code == 404
        assert (await admin.get(f"/admin/people/{number}/disable")).status_code == 404


async def _of_the_directory(connection: Connection) -> None:
    await connection.execute(
        """insert into directory (settings) values
           ('{"ask": {"attributes": {"login": "uid", "department": "ou"}}}'::jsonb)"""
    )
    await connection.execute("update person set source = 'directory' where login = 'dweber'")


async def test_what_the_directory_says_cannot_be_typed_over(
    admin: Browser, database: Database
) -> None:
    await database.unit_of_work(_of_the_directory)
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    assert "department" not in fields_of(admin.page)
    await save(admin, dweber, department="Sales", office="Viareggio")
    changed = await person(database, "dweber")
    assert (changed.department, changed.office) == ("Support", "Viareggio")
    await admin.get(f"/admin/people/{dweber}")
    answer = await save(admin, dweber, role="administrator")
    assert answer.status_code == 422
    assert "Tick “Decided here”" in admin.text
    await save(admin, dweber, role="administrator", role_fixed="1")
    changed = await person(database, "dweber")
    assert (changed.role, changed.role_fixed) == ("administrator", True)


async def test_somebody_new_can_sign_in_after_a_password_is_set(
    admin: Browser, database: Database, app: QuartTrio
) -> None:
    await admin.get("/admin/people/new")
    answer = await admin.submit(
        "/admin/people/new", login="gneri", first_name="Gaia", extension="732", site="Milano"
    )
    assert answer.status_code == 422
    assert "Somebody else has this extension." in admin.text
    answer = await admin.submit(
        "/admin/people/new", login="gneri", first_name="Gaia", extension="760", site="Viareggio"
    )
    made = await person(database, "gneri")
    assert answer.headers["Location"] == f"/admin/people/{made.id}?done=created"
    assert made.extensions == (ExtensionKey("760"),)
    await admin.get(f"/admin/people/{made.id}")
    short = await admin.submit(f"/admin/people/{made.id}/password", password="x", repeated="x")
    assert short.status_code == 422
    await admin.submit(f"/admin/people/{made.id}/password", password=PASSWORD, repeated=PASSWORD)
    own = Browser(app)
    assert (await own.sign_in("gneri")).status_code == 303


async def test_extensions_are_given_taken_and_remembered(
    admin: Browser, database: Database
) -> None:
    dweber = await id_of(database, "dweber")
    path = f"/admin/people/{dweber}"
    await admin.get(path)
    await admin.submit(f"{path}/extensions", extension="732")
    assert "Extension 732 is Beata Kowalska’s." in admin.text
    answer = await admin.submit(f"{path}/extensions", extension="not one")
    assert answer.status_code == 422
    await admin.submit(f"{path}/extensions", extension="745", partition="PT-B")
    assert (await person(database, "dweber")).extensions == (
        ExtensionKey("741"),
        ExtensionKey("745", "PT-B"),
    )
    await admin.get(path)
    await admin.submit(f"{path}/extensions/take", extension="741", partition="")
    await admin.get(path)
    assert "745 PT-B" in admin.text
    assert "741" in admin.text  # with from and until


async def test_a_pin_is_set_and_taken(admin: Browser, database: Database) -> None:
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    assert "They have no PIN." in admin.text
    refused = await admin.submit(f"/admin/people/{dweber}/pin", pin="12")
    assert refused.status_code == 422
    await admin.submit(f"/admin/people/{dweber}/pin", pin="4711")
    await admin.get(f"/admin/people/{dweber}")
    assert "They have a PIN." in admin.text
    await admin.submit(f"/admin/people/{dweber}/pin/clear")
    await admin.get(f"/admin/people/{dweber}")
    assert "They have no PIN." in admin.text


# In and out ---------------------------------------------------------------------------------------


async def test_disabling_asks_in_words_and_ends_the_sessions_at_once(
    admin: Browser, database: Database, app: QuartTrio
) -> None:
    await budget_for(database, "dweber", "100")
    theirs = Browser(app)
    await theirs.sign_in("dweber")
    assert (await theirs.get("/budget/")).status_code == 200
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    assert "Unknown browser" in admin.text or "session" in admin.text
    await admin.get(f"/admin/people/{dweber}/disable")
    assert "Their 1 open session ends at once" in admin.text
    assert "Their extension 741 is free from now on." in admin.text
    assert "Their share of 1 budget ends" in admin.text
    assert not (await person(database, "dweber")).disabled
    await admin.submit(f"/admin/people/{dweber}/disable")
    assert (await person(database, "dweber")).disabled
    assert (await theirs.get("/budget/")).status_code == 303
    await admin.get(f"/admin/people/{dweber}")
    assert "by an administrator" in admin.text
    await admin.submit(f"/admin/people/{dweber}/enable")
    back = await person(database, "dweber")
    assert (back.disabled, back.extensions) == (False, (ExtensionKey("741"),))


async def _only_root_has_a_password(connection: Connection) -> None:
    await connection.execute("update person set password_hash = null where login <> 'root'")
    await connection.execute("update person set password_hash = $1 where login = 'root'", HASH)


async def test_the_last_administrator_is_told_why_they_stay(
    admin: Browser, database: Database
) -> None:
    await database.unit_of_work(_only_root_has_a_password)
    rosa = await id_of(database, "root")
    await admin.get(f"/admin/people/{rosa}/disable")
    assert "This is you." in admin.text
    answer = await admin.submit(f"/admin/people/{rosa}/disable")
    assert answer.status_code == 422
    assert "Make another administrator first." in admin.text
    await admin.get(f"/admin/people/{rosa}")
    answer = await save(admin, rosa, role="user")
    assert answer.status_code == 422
    assert "Make another administrator first." in admin.text
    answer = await admin.submit(f"/admin/people/{rosa}/password/clear")
    assert answer.status_code == 422
    assert (await person(database, "root")).role == "administrator"


async def test_ending_sessions_leaves_the_one_it_is_done_in(
    admin: Browser, database: Database, app: QuartTrio
) -> None:
    elsewhere = Browser(app)
    await elsewhere.sign_in("root")
    rosa = await id_of(database, "root")
    await admin.get(f"/admin/people/{rosa}")
    await admin.submit(f"/admin/people/{rosa}/sessions")
    assert (await elsewhere.get("/budget/")).status_code == 303
    assert (await admin.get("/budget/")).status_code == 200


async def test_the_names_of_free_fields_are_on_everybodys_page(
    admin: Browser, database: Database
) -> None:
    await admin.get("/admin/people/fields")
    twice = await admin.submit("/admin/people/fields", custom_1="Vehicle", custom_2="vehicle")
    assert twice.status_code == 422
    await admin.submit("/admin/people/fields", custom_1="Vehicle")
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    assert "Vehicle" in admin.text
    await save(admin, dweber, custom_1="MI 1")
    assert (await person(database, "dweber")).custom[0] == "MI 1"
    labels = await database.unit_of_work(people_admin.custom_labels)
    assert labels == ("Vehicle", *("",) * 9)


# Lists in -----------------------------------------------------------------------------------------


async def test_a_list_is_shown_first_and_written_when_confirmed(
    admin: Browser, database: Database
) -> None:
    content = "login;department;email\ndweber;Sales;\ngneri;Support;g@example.com\nx y;;\n"
    answer = await send_file(admin, content.encode("cp1252"))
    address = answer.headers["Location"]
    await admin.get(address)
    assert "New 1 Changed 1 As they are 0 With mistakes 1" in admin.text
    assert "Department Support becomes Sales" in admin.text or "Support" in admin.text
    assert "A user name is one word, without blanks." in admin.text
    assert "Import 2 people, leave out the mistakes" in admin.text
    assert (await person(database, "dweber")).department == "Support"
    answer = await admin.submit(address, digest=admin.hidden("digest"))
    assert answer.headers["Location"] == "/admin/people?created=1&changed=1"
    changed = await person(database, "dweber")
    assert (changed.department, changed.email) == ("Sales", "")
    await admin.get(answer.headers["Location"])
    assert "1 people are new, 1 were changed" in admin.text
    assert (await admin.get(address)).status_code == 410  # only once


async def test_a_list_that_means_something_else_by_now_is_shown_again(
    admin: Browser, database: Database
) -> None:
    answer = await send_file(admin, b"login,department\ndweber,Sales\n")
    address = answer.headers["Location"]
    await admin.get(address)
    digest = admin.hidden("digest")
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    await save(admin, dweber, department="IT")
    await admin.get(address)
    answer = await admin.submit(address, digest=digest)
    assert answer.status_code == 409
    assert "Somebody changed people meanwhile" in admin.text
    assert (await person(database, "dweber")).department == "IT"


async def test_a_list_is_its_own_administrators(
    admin: Browser, database: Database, app: QuartTrio
) -> None:
    answer = await send_file(admin, b"login,department\ndweber,Sales\n")
    dweber = await id_of(database, "dweber")
    await admin.get(f"/admin/people/{dweber}")
    await save(admin, dweber, role="administrator")
    other = Browser(app)
    await other.sign_in("dweber")
    assert (await other.get(answer.headers["Location"])).status_code == 410


async def test_the_export_imported_again_changes_nothing(admin: Browser) -> None:
    exported = await admin.client.get("/admin/people.csv", headers=admin.headers)
    answer = await send_file(admin, await exported.get_data(as_text=False))
    await admin.get(answer.headers["Location"])
    assert "New 0 Changed 0 As they are 6 With mistakes 0" in admin.text
    assert "There is nothing to import" in admin.text


async def test_a_file_that_is_no_list_is_refused_in_words(admin: Browser) -> None:
    answer = await send_file(admin, b"name,mail\nAda,x\n")
    assert answer.status_code == 422
    assert "one of them must be “login”" in admin.text
    assert (await send_file(admin, b"")).status_code == 422


async def test_only_the_import_takes_large_files_and_none_too_large(admin: Browser) -> None:
    row = b"gneri%d,Gaia,Neri\n"
    large = b"login,first_name,last_name\n" + b"".join(row % n for n in range(100_000))
    assert 1_000_000 < len(large) < MOST_BYTES
    assert (await send_file(admin, large)).status_code == 303
    await admin.get("/admin/people/new")
    answer = await admin.submit("/admin/people/new", login="x" * 1_100_000)
    assert answer.status_code == 413
    assert "That is too large" in admin.text
    answer = await send_file(admin, b"login\n" + b"x" * MOST_BYTES)
    assert answer.status_code == 413
    assert "Nothing was changed" in admin.text
