"""The lab: a phone system, its phones and a mail server, simulated for the demo and for tests.

`open_lab` starts everything on loopback addresses; `live_calls` makes the company telephone. What
is simulated refuses what the real thing would refuse; `pbx.lab.control` drives it.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import unquote

import trio

from pbx.lab.axl_server import AxlFault, AxlServer
from pbx.lab.cast import Wish, enact, extension_key
from pbx.lab.company import CSS_LOCKED, LabCompany
from pbx.lab.control import Control
from pbx.lab.database import LabDatabase
from pbx.lab.exchange import Exchange, NotPlaced
from pbx.lab.http import Request, Response, listen, port_of, serve
from pbx.lab.inbox import Inbox, LabState
from pbx.lab.mail import MailCatcher
from pbx.lab.phones import LabPhone, PhoneServer
from pbx.lab.ris_server import LabRegistration, RisServer
from pbx.lab.rows import Ids, quality
from pbx.lab.traffic import Traffic
from telephony.clock import Clock, system_clock

MAX_PHONES = 250
"""Phones with web access: each takes a socket. More extensions have phones without."""

RIS_PATH = "/realtimeservice2/services/RISService70"


@dataclass(frozen=True, slots=True)
class LabCredentials:
    """Who may do what in the lab."""

    axl_username: str = "ringfence"
    axl_password: str = field(default="lab-axl", repr=False)
    phone_username: str = "ringfence-push"
    phone_password: str = field(default="lab-phone", repr=False)


@dataclass(slots=True)
class Lab:
    """A running lab. The parts are there for tests to look into and to break."""

    company: LabCompany
    credentials: LabCredentials
    database: LabDatabase
    axl: AxlServer
    ris: RisServer
    phones: PhoneServer
    mail: MailCatcher
    inbox: Inbox
    exchange: Exchange
    clock: Clock
    random: Random
    control_url: str = ""
    axl_url: str = ""
    ris_url: str = ""
    smtp_port: int = 0
    phone_port: int = 0

    async def place(self, wish: Wish) -> str:
        """Place a call that ends now; gives the name of its CDR file.

        Raises:
            NotPlaced: What the caller's, or the transferor's, line may dial forbids it.
        """
        cast = self.exchange.cast(wish)
        now = int(self.clock().timestamp())
        rows = enact(self.inbox.ids, self.random, wish, cast, ends=now)
        measured = [q for row in rows for q in quality(self.inbox.ids, row)]
        return await self.inbox.deliver(rows, measured)

    def line(self, extension: str) -> dict[str, object] | None:
        """A line's calling search space, and whether it is the one that locks."""
        found = self.company.extension(unquote(extension))
        if found is None:
            return None
        css = self.database.line_of(found).css
        return {"css": css, "locked": css == CSS_LOCKED}

    def set_line(self, extension: str, css: str) -> None:
        """Change a line by hand, as an administrator would: nobody is told."""
        found = self.company.extension(extension)
        if found is None:
            raise KeyError(extension)
        self.database.set_css(self.database.line_of(found).pkid, css)

    def phone(self, extension: str) -> dict[str, object] | None:
        """What the first phone of an extension shows."""
        found = self.company.extension(unquote(extension))
        phone = self.phones.by_device.get(found.device) if found else None
        if phone is None:
            return None
        shown = {"kind": "", "title": "", "prompt": "", "text": ""}
        return {"device": phone.device, "pushes": phone.pushes, **shown, **phone.screen}

    def mails(self) -> list[dict[str, object]]:
        """Every message the mail server took, oldest first."""
        return [message.as_json() for message in self.mail.messages]

    def set_axl_fault(self, fault: AxlFault | None) -> None:
        """Break AXL from the next request on, or mend it."""
        self.axl.fault = fault

    async def keep(self) -> None:
        """Keep what must outlive the lab."""
        self.inbox.state.css = self.database.all_css()
        await self.inbox.keep()

    async def pbx_handle(self, request: Request) -> Response:
        """The phone system's web server: AXL and RISPort."""
        if request.path.rstrip("/") == "/axl":
            return await self.axl.handle(request)
        if request.path == RIS_PATH:
            return await self.ris.handle(request)
        return Response(404, b"<html>404</html>", "text/html")


@asynccontextmanager
async def open_lab(
    company: LabCompany,
    *,
    inbox: Path,
    seed: int | str = 1,
    port: int = 0,
    clock: Clock = system_clock,
    state: Path | None = None,
    tls: ssl.SSLContext | None = None,
    credentials: LabCredentials | None = None,
) -> AsyncGenerator[Lab]:
    """Run the lab within a block.

    `inbox` is where CDR files go; `port` that of the control interface (0: any). `state` is the
    file that remembers ids and line rights between runs; `lab-state.json` beside the inbox unless
    given. With `tls` AXL and RISPort speak https.
    """
    async with trio.open_nursery() as nursery:
        lab: Lab = await nursery.start(
            _run, company, inbox, seed, port, clock, state, tls, credentials or LabCredentials()
        )
        yield lab
        nursery.cancel_scope.cancel()


async def run_lab(
    company: LabCompany,
    inbox: Path,
    seed: int | str = 1,
    port: int = 0,
    clock: Clock = system_clock,
    state: Path | None = None,
    task_status: trio.TaskStatus[Lab] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the lab until cancelled; `nursery.start` gives the `Lab`."""
    await _run(
        company, inbox, seed, port, clock, state, None, LabCredentials(), task_status=task_status
    )


async def _run(
    company: LabCompany,
    inbox: Path,
    seed: int | str,
    port: int,
    clock: Clock,
    state: Path | None,
    tls: ssl.SSLContext | None,
    credentials: LabCredentials,
    task_status: trio.TaskStatus[Lab] = trio.TASK_STATUS_IGNORED,
) -> None:
    kept = await trio.to_thread.run_sync(LabState.read, state or inbox.parent / "lab-state.json")
    phones = _phones(company)
    lab = _build(company, inbox, seed, clock, kept, credentials, phones)
    control = await listen("127.0.0.1", port)
    pbx = await listen("127.0.0.1", 0)
    mail = await listen("127.0.0.1", 0)
    sockets = await _phone_sockets(phones)
    scheme = "http" if tls is None else "https"
    lab.control_url = f"http://127.0.0.1:{port_of(control)}"
    lab.axl_url = f"{scheme}://127.0.0.1:{port_of(pbx)}/axl/"
    lab.ris_url = f"{scheme}://127.0.0.1:{port_of(pbx)}{RIS_PATH}"
    lab.smtp_port = port_of(mail)
    lab.phone_port = port_of(sockets[0]) if sockets else 0
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, [control], Control(lab).handle)
            nursery.start_soon(serve, [pbx], lab.pbx_handle, tls)
            nursery.start_soon(lab.mail.serve, mail)
            if sockets:
                nursery.start_soon(serve, sockets, lab.phones.handle)
            task_status.started(lab)
    finally:
        lab.database.close()


def _build(
    company: LabCompany,
    inbox: Path,
    seed: int | str,
    clock: Clock,
    kept: LabState,
    credentials: LabCredentials,
    phones: Sequence[LabPhone],
) -> Lab:
    database = LabDatabase(company)
    for line, css in kept.css.items():
        if not css or database.has_search_space(css):
            database.set_css(line, css)
    random = Random(f"lab/{seed}/{kept.row_no}")  # noqa: S311 - traffic, no secrets
    started = int(clock().timestamp())
    ids = Ids(
        f"lab/{seed}/{started}",
        company.cluster,
        company.node,
        kept.call_no,
        kept.leg_no,
        kept.row_no,
    )
    who = (credentials.axl_username, credentials.axl_password)
    lab = Lab(
        company=company,
        credentials=credentials,
        database=database,
        axl=AxlServer(database, *who),
        ris=RisServer(_registrations(company, phones), *who),
        phones=PhoneServer(list(phones), credentials.phone_username, credentials.phone_password),
        mail=MailCatcher(clock),
        inbox=Inbox(inbox, kept, ids, clock),
        exchange=Exchange(company, database, random),
        clock=clock,
        random=random,
    )
    lab.axl.changed = lab.keep
    return lab


def _phones(company: LabCompany) -> list[LabPhone]:
    owners: dict[str, str] = {}
    for extension in company.extensions:
        for device in extension.all_devices:
            owners.setdefault(device, extension_key(extension))
    return [
        LabPhone(device, f"127.1.{index // 250}.{index % 250 + 1}", owner)
        for index, (device, owner) in enumerate(owners.items())
        if device.startswith("SEP")
    ][:MAX_PHONES]


def _registrations(company: LabCompany, phones: Sequence[LabPhone]) -> dict[str, LabRegistration]:
    with_web = {phone.device: phone for phone in phones}
    found: dict[str, LabRegistration] = {}
    for extension in company.extensions:
        for device in extension.all_devices:
            phone = with_web.get(device)
            address = phone.address if phone else "127.1.255.254"
            found[device] = LabRegistration(
                address, httpd="Yes" if phone else "No", directory_number=extension.number
            )
    return found


async def _phone_sockets(phones: Sequence[LabPhone]) -> list[trio.SocketListener]:
    """A socket at each phone's address, all with one port: a new one where somebody has it."""
    sockets: list[trio.SocketListener] = []
    for tries_left in range(5, -1, -1):
        try:
            for phone in phones:
                port = port_of(sockets[0]) if sockets else 0
                sockets.append(await listen(phone.address, port))
        except OSError:
            for socket in sockets:
                await socket.aclose()
            sockets.clear()
            if not tries_left:
                raise
        else:
            break
    return sockets


async def live_calls(lab: Lab, calls_per_minute: float) -> None:
    """Make the company telephone until cancelled, at random moments. Locks are obeyed."""
    traffic = Traffic(lab.company, lab.random)
    while True:
        gap = -math.log(1.0 - lab.random.random()) * 60.0 / calls_per_minute
        await trio.sleep(min(gap, 600.0))
        try:
            await lab.place(traffic.wish())
        except NotPlaced:
            continue
