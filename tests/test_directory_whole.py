"""Portal, synchronisation and commands with a real directory: OpenLDAP's slapd, by TLS."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from fixtures_slapd import Slapd
from fixtures_web import SETTINGS, Browser, _passwords

from actors.directory import DirectoryService
from actors.directory_settings import DirectoryConfig
from actors.findings import Finding
from actors.house import House, Outside, open_house
from daemon.commands import directory as commands
from daemon.config import Config, load_config
from daemon.context import Context
from daemon.doctor import examine
from daemon.outside import directory_access
from directory.port import DirectorySettings
from storage import directory as stored
from storage.audit import Event
from storage.database import Connection, Database
from storage.viewer import OPERATOR
from telephony.plant import Plant
from web.app import create_app


@dataclass
class Real:
    """A house and a machine whose directory is slapd."""

    database: Database
    house: House
    service: DirectoryService
    context: Context

    async def configure(self, settings: DirectorySettings) -> None:
        sealed = await self.service.seal(settings.bind_password)
        document = DirectoryConfig(settings).document()

        async def keep(connection: Connection) -> None:
            now = datetime.now(UTC)
            await stored.save(
                connection,
                OPERATOR,
                document,
                sealed,
                Event("directory_changed"),
                next_sync_at=None,
                now=now,
            )

        await self.database.unit_of_work(keep)


@pytest.fixture
async def real(
    database: Database, dsn: str, company: Plant, slapd: Slapd, tmp_path: Path
) -> AsyncIterator[Real]:
    await database.unit_of_work(_passwords)
    loaded = load_config(None, tmp_path, {})
    config: Config = msgspec.structs.replace(
        loaded, database=msgspec.structs.replace(loaded.database, dsn=dsn)
    )
    outside = Outside(directory=directory_access(config))
    async with open_house(database, lambda: datetime.now(UTC), outside) as house:
        assert house.directory is not None
        made = Real(database, house, house.directory, Context(config, tmp_path))
        await made.configure(slapd.settings(extension_digits=3))
        yield made


async def test_people_of_the_directory_come_in(real: Real) -> None:
    app = create_app(real.house, SETTINGS)
    anna = Browser(app)
    assert (await anna.sign_in("anna", "anna's password")).status_code == 303
    await anna.get("/account/")
    assert "anna@example.com" in anna.text
    for name, words in (
        ("locked", "locked, disabled or expired"),
        ("aged", "has expired"),
        ("lukasz", "User name or password is wrong."),
    ):
        browser = Browser(app)
        password = "guess" if name == "lukasz" else f"{name}'s password"
        assert (await browser.sign_in(name, password)).status_code == 401
        assert words in browser.text


async def test_the_commands_do_what_the_portal_does(
    real: Real, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await commands.test(Namespace(), real.context) == 0
    assert "entries below dc=example,dc=com" in capsys.readouterr().out
    args = Namespace(preview=True, confirm=False, json=True)
    assert await commands.sync(args, real.context) == 0
    preview = json.loads(capsys.readouterr().out)
    assert (preview["outcome"], preview["reason"]) == ("preview", "")
    created = {one["login"] for one in preview["created"]}
    assert {"anna", "layla", "tom,r", "łucja"} <= created
    assert (
        await commands.sync(Namespace(preview=False, confirm=False, json=True), real.context) == 0
    )
    done = json.loads(capsys.readouterr().out)
    assert {one["login"] for one in done["created"]} == created
    assert "extension_taken" in {problem["kind"] for problem in done["problems"]}
    assert (
        await commands.sync(Namespace(preview=False, confirm=False, json=False), real.context) == 0
    )
    assert "added 0, changed 0" in capsys.readouterr().out


async def test_the_doctor_asks_the_directory(real: Real, slapd: Slapd) -> None:
    async def ldap() -> Finding:
        told: list[Finding] = []
        await examine(real.context, told.append)
        return next(finding for finding in told if finding.key == "LDAP")

    found = await ldap()
    assert found.verdict == "OK"
    assert "entries below dc=example,dc=com" in found.english()
    await real.configure(replace(slapd.settings(), base="dc=nowhere,dc=com"))
    found = await ldap()
    assert found.verdict == "TODO"
    assert "base" in found.english()
