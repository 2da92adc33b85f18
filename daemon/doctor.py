"""Looks at everything the daemon needs and says, for each, that it is well or what to do.

It changes nothing. What is not configured is said and is no fault. The findings are those of the
portal's page of the state, in English.
"""

from __future__ import annotations

from collections.abc import Callable

from actors import looks, state
from actors.directory import DirectoryService
from actors.findings import Finding, plain
from actors.looks import PhoneSystemLook
from daemon.config import Config
from daemon.context import Context
from daemon.outside import directory_access, open_outside
from daemon.probes import directory, inbox, pdf, portal, reports
from daemon.run import web_settings
from storage.database import Database
from storage.figures import Standing, read_standing
from telephony.clock import Clock
from telephony.errors import PbxError, RingfenceError

PHONE_SYSTEM_TIMEOUT_S = 90.0

Tell = Callable[[Finding], None]


async def examine(context: Context, tell: Tell) -> None:
    """Look at one thing after the other, telling each; a database that is away ends it."""
    try:
        async with context.database(checked=not context.config.database.dsn) as database:
            await _examine_all(context.config, database, context.clock, tell)
    except RingfenceError as error:
        tell(Finding(state.DATABASE, "TODO", plain(str(error))))


async def _examine_all(config: Config, database: Database, clock: Clock, tell: Tell) -> None:
    found = await database.unit_of_work(read_standing)
    for finding_of in state.BEFORE:
        tell(finding_of(found))
    tell(await inbox(config, found))
    settings = web_settings(config, f"http://{config.web.host}:{config.web.port}")
    tell(portal(config, settings))
    tell(await reports(config))
    tell(await pdf())
    await _outside(config, database, clock, found, tell)
    for finding_of in state.AFTER:
        finding = finding_of(found)
        if finding_of is state.directory and found.has_directory:
            service = DirectoryService(database, clock, directory_access(config))
            [finding] = await directory(service, found)
        tell(finding)


async def _outside(
    config: Config, database: Database, clock: Clock, found: Standing, tell: Tell
) -> None:
    try:
        async with open_outside(config) as outside:
            phone_system = PhoneSystemLook(outside, database, clock, PHONE_SYSTEM_TIMEOUT_S)
            for finding in (*await looks.mail(outside, found), *await phone_system(found)):
                tell(finding)
    except PbxError as error:
        tell(looks.phone_system_trouble(plain(str(error))))
