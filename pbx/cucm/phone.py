"""Shows a message on the phones of an extension: Cisco's push, `POST /CGI/Execute`.

The phones of a line come from AXL, their addresses from RISPort and from nowhere else: a request
with our credentials goes to no address a person or a phone could have given us.

What is pushed is a `CiscoIPPhoneExecute`, the one object every phone with web access takes, and
it names a page that the phone then fetches from us: `PhoneSettings.page_url` is where our pages
for phones are reached, and `page()` gives the XML for the token at its end (whoever serves that
address calls it). Where no `page_url` is configured, the text is pushed itself as a
`CiscoIPPhoneText`; that needs nothing but the phone, and some newer phones decline it.

A phone checks user and password by asking its authentication URL; the user must have the phone
among its controlled devices. Softphones and phones behind Expressway take no push.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

import httpx
import trio

from pbx.cucm import phone_xml
from pbx.cucm.markup import first, parse
from pbx.cucm.soap import Answer, bounded_post, trust
from pbx.port import LineLocker
from telephony.errors import PbxError, PbxProtocolError, PbxRefused, PbxUnavailable

_MAX_MESSAGES = 10_000
_AUTHENTICATION_FAILED = "4"


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """How to push. `port` is 80 on every real phone (443 with `tls`).

    `page_url` is the address, as phones reach it, to which a token is added to fetch a message;
    empty pushes the text itself. `message_ttl_s`: how long a message can be fetched. `verify` is
    off by default because phones carry certificates of the cluster's own authority: name that in
    `ca_file` and switch it on where phones demand https.
    """

    username: str
    password: str = field(repr=False)
    port: int = 80
    tls: bool = False
    verify: bool = False
    ca_file: Path | None = None
    timeout_s: float = 5.0
    max_concurrent: int = 8
    page_url: str = ""
    message_ttl_s: float = 600.0


class _Message(NamedTuple):
    xml: bytes
    until: float


class Addresses(Protocol):
    """Who knows where phones are: `RisPort`."""

    async def addresses(self, devices: Sequence[str]) -> Mapping[str, str]:
        """The addresses of those that can be reached."""
        ...

    def forget(self, device: str) -> None:
        """Do not believe this one any longer."""
        ...


class PhonePush:
    """The `pbx.port.PhoneScreen` of Cisco IP phones. Get one from `open_phones`."""

    def __init__(
        self, settings: PhoneSettings, lines: LineLocker, ris: Addresses, client: httpx.AsyncClient
    ) -> None:
        self._settings = settings
        self._lines = lines
        self._ris = ris
        self._client = client
        self._places = trio.CapacityLimiter(settings.max_concurrent)
        self._turns: dict[str, trio.Lock] = {}
        self._messages: OrderedDict[str, _Message] = OrderedDict()

    async def show(self, extension: str, partition: str, title: str, text: str) -> int:
        """Push a text to every registered phone with this line; how many took it.

        Raises:
            PbxError: No phone took it and at least one failed; the first failure.
        """
        lines = await self._lines.find_lines(extension, partition)
        devices = tuple(dict.fromkeys(name for line in lines for name in line.devices))
        places: Mapping[str, str] = await self._ris.addresses(devices) if devices else {}
        failures: list[PbxError] = []
        pushed = self._object(title, text)

        async def push(device: str, address: str) -> None:
            try:
                await self._push(device, address, pushed)
            except PbxError as error:
                failures.append(error)

        async with trio.open_nursery() as nursery:
            for device, address in places.items():
                nursery.start_soon(push, device, address)
        if failures and len(failures) == len(places):
            raise failures[0]
        return len(places) - len(failures)

    def page(self, token: str) -> bytes | None:
        """The message a phone comes to fetch, as phone XML; None when it is unknown or too old."""
        message = self._messages.get(token)
        if message is None or trio.current_time() > message.until:
            return None
        return message.xml

    def _object(self, title: str, text: str) -> bytes:
        xml = phone_xml.text(title, "", text)
        if not self._settings.page_url:
            return xml
        token = secrets.token_urlsafe(16)
        self._messages[token] = _Message(xml, trio.current_time() + self._settings.message_ttl_s)
        while len(self._messages) > _MAX_MESSAGES:
            self._messages.popitem(last=False)
        url = f"{self._settings.page_url.rstrip('/')}/{token}"
        return phone_xml.execute([phone_xml.ExecuteItem(url)])

    async def _push(self, device: str, address: str, xml: bytes) -> None:
        """One phone at a time gets one push at a time: a phone drops what comes meanwhile."""
        turn = self._turns.setdefault(device, trio.Lock())
        try:
            async with turn, self._places:
                await self._post(device, address, xml)
        finally:
            if not turn.statistics().tasks_waiting and not turn.locked():
                self._turns.pop(device, None)

    async def _post(self, device: str, address: str, xml: bytes) -> None:
        body = urlencode({"XML": xml.decode()}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            with trio.fail_after(self._settings.timeout_s):
                answer = await bounded_post(self._client, self._url(address), body, headers)
        except (trio.TooSlowError, httpx.HTTPError) as error:
            self._ris.forget(device)
            raise PbxUnavailable(f"phone {device} at {address} does not answer") from error
        _read(device, answer)

    def _url(self, address: str) -> str:
        host = f"[{address}]" if ":" in address else address
        scheme = "https" if self._settings.tls else "http"
        return f"{scheme}://{host}:{self._settings.port}/CGI/Execute"


@asynccontextmanager
async def open_phones(
    settings: PhoneSettings, lines: LineLocker, ris: Addresses
) -> AsyncGenerator[PhonePush]:
    """Open the way to the phones; connects to nothing yet."""
    context = await trio.to_thread.run_sync(trust, settings.verify, settings.ca_file)
    async with httpx.AsyncClient(
        auth=httpx.BasicAuth(settings.username, settings.password),
        verify=context,
        timeout=settings.timeout_s,
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield PhonePush(settings, lines, ris, client)


def _read(device: str, answer: Answer) -> None:
    """Nothing, where the phone took the push; what it answered instead is raised."""
    if answer.status in (401, 403):
        raise PbxRefused(_no_credentials(device), str(answer.status))
    if answer.status != 200:
        raise PbxProtocolError(f"phone {device} answered with HTTP status {answer.status}")
    root = parse(answer.body)
    error = first(root, "CiscoIPPhoneError")
    if error is not None:
        number = error.get("Number")
        if number == _AUTHENTICATION_FAILED:
            raise PbxRefused(_no_credentials(device), number)
        raise PbxRefused(f"phone {device} refused the push with error {number}", number)
    items = list(root.iter("{*}ResponseItem"))
    if not items:
        raise PbxProtocolError(f"phone {device} gave no answer to the push")
    failed = [item for item in items if item.get("Status", "0") != "0"]
    if failed:
        status = failed[0].get("Status")
        raise PbxRefused(f"phone {device} did not execute the push: status {status}", status)


def _no_credentials(device: str) -> str:
    return (
        f"phone {device} does not accept our user: make the phone one of its controlled devices,"
        " and check the phone's authentication URL"
    )
