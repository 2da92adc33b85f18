"""What only the daemon can look at, for it alone knows the configuration: folders and servers.

`ringfence doctor` looks at all of it; the portal's page of the state at the quick ones each time,
and at the others when somebody asks.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from actors import looks, state
from actors.directory import DirectoryService
from actors.findings import Bytes, Finding, Words, plain, said
from actors.house import House, Outside
from actors.looks import Look, PhoneSystemLook
from daemon.config import Config
from daemon.health import inbox_problem
from directory.port import DirectoryError
from reports.pdf import PACKAGES, missing_libraries
from storage.facts.engine import FILE_NAME
from storage.figures import Standing
from web.directory_words import TROUBLE_WORDS
from web.settings import WebSettings
from web.state import Probes
from words.language import N_

LOOK_S = 20.0
"""How long the phone system has when somebody waits for the page."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def probes(config: Config, settings: WebSettings, outside: Outside, house: House) -> Probes:
    """What the portal's page of the state is given."""

    async def quick(found: Standing) -> list[Finding]:
        return [
            await inbox(config, found),
            portal(config, settings),
            await reports(config, house),
            await pdf(),
            *looks.mail_known(outside, found),
            *looks.phone_system_known(outside, found),
        ]

    phone_system = PhoneSystemLook(outside, house.database, house.clock, LOOK_S)
    asked: tuple[Look, ...] = (partial(looks.mail, outside), phone_system)
    if house.directory is not None:
        asked = (*asked, partial(directory, house.directory))
    return Probes((quick,), asked)


async def directory(service: DirectoryService, found: Standing) -> list[Finding]:
    """Whether the directory answers now, beside how it was last followed."""
    known = state.directory(found)
    if not found.has_directory:
        return [known]
    try:
        answer = await service.probe()
    except DirectoryError as error:
        todo = Words(TROUBLE_WORDS[error.trouble])
        return [replace(known, verdict="TODO", text=plain(str(error)), todo=(todo,), named=())]
    return [replace(known, named=(*known.named, answer))]


async def inbox(config: Config, found: Standing) -> Finding:
    """The folder call records arrive in, and what came."""
    folder = Path(config.inbox.directory)
    if problem := await inbox_problem(folder):
        return state.inbox(found, str(folder), problem)
    waiting = await trio.to_thread.run_sync(_waiting, folder)
    return state.inbox(found, str(folder), waiting=waiting)


def _waiting(folder: Path) -> int:
    try:
        return sum(1 for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return 0


def portal(config: Config, settings: WebSettings) -> Finding:
    """Whether what people send to the portal is encrypted on its way."""
    is_safe = settings.secure_cookies or config.web.host in LOOPBACK
    return state.portal(settings.public_url, is_safe=is_safe)


async def reports(config: Config, house: House | None = None) -> Finding:
    """The copy of the calls that reports are asked of; how much of it is made knows its house."""
    what, percent = Words(N_("reports")), house.reports.copy.percent if house else 100
    if percent < 100:
        return Finding(
            what, "OK", said(N_("the calls are being prepared: %(done)s %%"), done=percent)
        )
    file = trio.Path(config.reports.directory) / FILE_NAME
    try:
        size = (await file.stat()).st_size
    except OSError:
        return Finding(what, "OK", Words(N_("the daemon prepares the calls when it starts")))
    text = said(N_("copy of the calls: %(file)s, %(size)s"), file=str(file), size=Bytes(size))
    return Finding(what, "OK", text)


async def pdf() -> Finding:
    """Whether this machine has the libraries that make a PDF of a report."""
    what = Words("PDF")
    missing = await trio.to_thread.run_sync(missing_libraries)
    if not missing:
        return Finding(what, "OK", Words(N_("reports can be written as PDF")))
    text = said(N_("reports cannot be written as PDF, %(names)s missing"), names=", ".join(missing))
    return Finding(what, "TODO", text, (plain(f"apt-get install {PACKAGES}"),))
