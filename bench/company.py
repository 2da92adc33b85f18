"""The company that the figures are taken with: the demo's, without its past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import trio

from daemon.demo.company import price_lists, site_file
from daemon.embedded import embedded_server
from daemon.site_apply import apply_file
from storage.database import Database, open_database
from storage.migrate import migrate


@asynccontextmanager
async def a_company(folder: Path) -> AsyncIterator[tuple[Database, str]]:
    """An embedded server as the product runs it (fsync on) with the company applied."""
    now = datetime.now(UTC)
    await trio.to_thread.run_sync(_write, folder, now)
    async with (
        embedded_server(folder / "data", say=lambda _: None) as dsn,
        open_database(dsn) as database,
    ):
        await database.unit_of_work(migrate)
        await apply_file(database, folder / "site.toml", now)
        yield database, dsn


def _write(folder: Path, now: datetime) -> None:
    (folder / "site.toml").write_text(site_file(now))
    for name, text in price_lists(now).items():
        (folder / name).write_text(text)
