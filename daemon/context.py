"""What a command is given: configuration, clock, data folder, and a way to the database."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.config import Config
from telephony.clock import Clock, system_clock

if TYPE_CHECKING:
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """One command's surroundings."""

    config: Config
    data: Path
    clock: Clock = system_clock
    config_file: Path | None = None

    @asynccontextmanager
    async def database(
        self, *, checked: bool = True, max_size: int = 8
    ) -> AsyncGenerator[Database]:
        """The database, open and with the schema this program needs.

        Without a configured DSN the embedded server is adopted or started, and its database made
        and migrated. With one, a schema that is not up to date is `SchemaMismatch`;
        `checked=False` leaves the schema alone, for `migrate` and `doctor`. Entered first and left
        last.
        """
        from daemon.embedded import embedded_server  # noqa: PLC0415 - `--help` must be quick
        from storage.database import open_database  # noqa: PLC0415 - as above
        from storage.migrate import check, migrate  # noqa: PLC0415 - as above

        if self.config.database.dsn:
            async with open_database(self.config.database.dsn, max_size=max_size) as database:
                if checked:
                    await database.unit_of_work(check)
                yield database
            return
        async with (
            embedded_server(self.data, say=self.warn) as dsn,
            open_database(dsn, max_size=max_size) as database,
        ):
            if checked:
                await database.unit_of_work(migrate)
            yield database

    def print_json(self, document: object) -> None:
        """Print one JSON document to standard output; with `--json` the only thing there."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        sys.stdout.write("\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tell a person something on standard output."""
        print(text, flush=True)

    def warn(self, text: str) -> None:
        """Tell a person something on standard error."""
        print(text, file=sys.stderr, flush=True)
