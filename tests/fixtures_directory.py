"""A house with a fake directory that is configured, and its portal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fake_directory import SERVICE_PASSWORD, SETTINGS, FakeDirectory, Keys, access
from fixtures_web import SETTINGS as WEB
from fixtures_web import Browser, HeldClock, _passwords
from quart_trio import QuartTrio

from actors.directory import DirectoryService
from actors.directory_settings import DirectoryConfig, SyncSettings
from actors.house import House, Outside, open_house
from storage import directory as stored
from storage.audit import Event
from storage.database import Connection, Database
from storage.viewer import OPERATOR
from telephony.plant import Plant
from web.app import create_app


@dataclass
class Office:
    """A company with a directory, seen from everywhere a test looks."""

    database: Database
    directory: FakeDirectory
    keys: Keys
    clock: HeldClock
    service: DirectoryService
    house: House
    app: QuartTrio

    async def configure(
        self, *, password: str = SERVICE_PASSWORD, sync: SyncSettings | None = None, **more: Any
    ) -> None:
        """Store settings as the page would; `more` overrides any of them."""
        config = DirectoryConfig(replace(SETTINGS, **more), sync or SyncSettings())
        sealed = await self.service.seal(password) if password else None

        async def keep(connection: Connection) -> None:
            now = self.clock()
            await stored.save(
                connection, OPERATOR, config.document(), sealed, Event("directory_changed"),
                next_sync_at=config.sync.next_at(now), now=now,
            )  # fmt: skip

        await self.database.unit_of_work(keep)

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """What a query gives."""

        async def ask(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in await connection.fetch(sql, *values)]

        return await self.database.unit_of_work(ask)

    async def person(self, login: str) -> dict[str, Any]:
        """A person's row."""
        return (await self.rows("select * from person where lower(login) = lower($1)", login))[0]

    async def extensions(self, login: str) -> list[str]:
        """The extensions somebody has now."""
        rows = await self.rows(
            "select extension from extension_owner o join person p on p.id = o.person_id "
            "where p.login = $1 and until_at is null order by 1",
            login,
        )
        return [row["extension"] for row in rows]

    def browser(self) -> Browser:
        """Another browser."""
        return Browser(self.app)


@pytest.fixture
async def office(database: Database, company: Plant, clock: HeldClock) -> AsyncIterator[Office]:
    """The small company; its directory is there but not configured yet."""
    await database.unit_of_work(_passwords)
    directory, keys = FakeDirectory(), Keys()
    outside = Outside(directory=access(directory, keys))
    async with open_house(database, lambda: datetime.now(UTC), outside) as house:
        assert outside.directory is not None
        service = DirectoryService(database, clock, outside.directory)
        held = replace(house, clock=clock, directory=service)
        yield Office(database, directory, keys, clock, service, held, create_app(held, WEB))
