"""People as they are stored: found by whatever they are known by, and never two with one login."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import people, sessions
from storage.database import Connection, Database, StorageConflict
from telephony.plant import ExtensionKey, Plant

NOW = datetime.now(UTC)


async def test_a_person_is_found_by_login_in_any_case(database: Database, company: Plant) -> None:
    person = await database.unit_of_work(people.by_login, "ASonnino")
    assert person is not None
    assert (person.full_name, person.extensions) == ("Andrea Sonnino", (ExtensionKey("731"),))
    assert await database.unit_of_work(people.by_login, "nobody") is None


async def test_an_extension_has_one_owner_now(database: Database, company: Plant) -> None:
    owner = await database.unit_of_work(people.by_extension, ExtensionKey("732", "PT-Milano"))
    assert owner is not None
    assert owner.login == "bkowalska"


async def test_an_extension_handed_on_is_no_longer_listed(
    database: Database, company: Plant
) -> None:
    async def hand_on(connection: Connection) -> None:
        await connection.execute(
            "update extension_owner set until_at = $1 where extension = '731'",
            NOW - timedelta(days=1),
        )

    await database.unit_of_work(hand_on)
    person = await database.unit_of_work(people.by_login, "asonnino")
    assert person is not None
    assert person.extensions == ()
    assert await database.unit_of_work(people.by_extension, ExtensionKey("731")) is None


async def test_a_local_account_gets_its_extension(database: Database, company: Plant) -> None:
    person_id = await database.unit_of_work(
        people.create_local, "gneri", first_name="Gaia", extension=ExtensionKey("790")
    )
    person = await database.unit_of_work(people.by_id, person_id)
    assert person is not None
    assert (person.role, person.extensions) == ("user", (ExtensionKey("790"),))


async def test_the_first_account_needs_no_company(database: Database) -> None:
    person_id = await database.unit_of_work(people.create_local, "boss", role="administrator")
    person = await database.unit_of_work(people.by_id, person_id)
    assert person is not None
    assert await database.unit_of_work(people.place_of, person) == people.Place("UTC", ())


@pytest.mark.parametrize(
    ("login", "extension", "words"),
    [
        ("ASONNINO", None, "already an account"),
        ("gneri", ExtensionKey("731"), "extension 731 belongs to Andrea Sonnino"),
    ],
)
async def test_what_is_taken_is_said_in_words(
    database: Database, company: Plant, login: str, extension: ExtensionKey | None, words: str
) -> None:
    with pytest.raises(StorageConflict, match=words):
        await database.unit_of_work(people.create_local, login, extension=extension)
    assert await database.unit_of_work(people.by_login, "gneri") is None


async def test_a_place_gives_zone_and_emergency_numbers(database: Database, company: Plant) -> None:
    person = await database.unit_of_work(people.by_login, "asonnino")
    assert person is not None
    place = await database.unit_of_work(people.place_of, person)
    assert place == people.Place("Europe/Rome", ("112", "118"), country="IT")


async def test_a_new_password_ends_sessions_and_open_links(
    database: Database, company: Plant
) -> None:
    person = await database.unit_of_work(people.by_login, "asonnino")
    assert person is not None
    await database.unit_of_work(people.set_password, person.id, "$hash$")
    for token in (b"mine", b"other"):
        await database.unit_of_work(
            sessions.start, person.id, token, "c", now=NOW, expires_at=NOW + timedelta(hours=1)
        )
    asked = await database.unit_of_work(
        people.ask_reset, "asonnino", b"link", {}, now=NOW, expires_at=NOW + timedelta(hours=1)
    )
    assert asked
    await database.unit_of_work(people.set_password, person.id, "$new$", keep_session=b"mine")
    idle = timedelta(hours=1)
    assert await database.unit_of_work(sessions.find, b"mine", now=NOW, idle=idle) is not None
    assert await database.unit_of_work(sessions.find, b"other", now=NOW, idle=idle) is None
    assert await database.unit_of_work(people.reset_owner, b"link", NOW) is None


async def test_nobody_without_a_password_gets_a_link(database: Database, company: Plant) -> None:
    soon = NOW + timedelta(hours=1)
    for login in ("asonnino", "nobody"):
        assert not await database.unit_of_work(
            people.ask_reset, login, b"x", {}, now=NOW, expires_at=soon
        )


# From the command line ----------------------------------------------------------------------------


def ringfence(dsn: str, folder: Path, *words: str, typed: str = "") -> tuple[int, str, str]:
    """What the command answers, with `typed` on its standard input."""
    (folder / "ringfence.toml").write_text(f'[database]\ndsn = "{dsn}"\n')
    command = [str(Path(sys.executable).parent / "ringfence"), *words]
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_first_administrator_is_made_here(dsn: str, tmp_path: Path) -> None:
    add = ("user", "add", "boss", "--role", "administrator", "--name", "Ada Neri")
    code, said, _ = ringfence(dsn, tmp_path, *add, "--password-stdin", typed="correct horse\n")
    assert (code, said) == (0, "boss can sign in as administrator.\n")
    code, said, _ = ringfence(dsn, tmp_path, "user", "list", "--json")
    assert code == 0
    assert json.loads(said) == [
        {
            "login": "boss",
            "name": "Ada Neri",
            "email": "",
            "role": "administrator",
            "scope": None,
            "extensions": [],
            "local_password": True,
            "disabled": False,
        }
    ]
    code, _, complaint = ringfence(dsn, tmp_path, *add, typed="correct horse\n")
    assert code == 1
    assert complaint.strip().endswith("there is already an account boss")


@pytest.mark.parametrize("login", ["", "ada neri", " ada", "ada\tneri", "ada\u00a0neri"])
def test_a_login_is_one_word(dsn: str, tmp_path: Path, login: str) -> None:
    code, _, complaint = ringfence(dsn, tmp_path, "user", "add", login, typed="correct horse\n")
    assert code == 1
    assert "a login is one word without blanks" in complaint


def test_a_password_is_given_anew_and_never_too_short(dsn: str, tmp_path: Path) -> None:
    ringfence(dsn, tmp_path, "user", "add", "gneri", typed="correct horse\n")
    code, said, _ = ringfence(dsn, tmp_path, "user", "passwd", "gneri", typed="another horse\n")
    assert code == 0
    assert "has a new password" in said
    code, _, complaint = ringfence(dsn, tmp_path, "user", "passwd", "gneri", typed="short\n")
    assert code == 1
    assert "8 to 256 characters" in complaint
    code, _, complaint = ringfence(dsn, tmp_path, "user", "passwd", "nobody", typed="x\n")
    assert code == 1
    assert "there is no account nobody" in complaint
