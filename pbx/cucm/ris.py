"""Where phones are: their IP addresses from Cisco UCM's registration service, RISPort70.

A phone gets a push at the address RISPort gives and at no other. The service answers about 15
requests a minute for the whole cluster, whoever asks: names go in one batch, answers are kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import trio

from pbx.cucm.markup import Element, add, child, first, local_name, new, parse, text_of, to_bytes
from pbx.cucm.soap import (
    Answer,
    HttpPort,
    OnRequest,
    ServerAddress,
    ignore_request,
    trust,
)
from pbx.cucm.throttle import Quota
from telephony.clock import Clock, system_clock
from telephony.errors import PbxProtocolError, PbxRefused, PbxThrottled

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_AST = "http://schemas.cisco.com/ast/soap"
_ACTION = '"http://schemas.cisco.com/ast/soap/action/#RisPort#SelectCmDeviceExt"'
_NAMES_PER_REQUEST = 1000
"""MaxReturnedDevices' limit."""

_RATE_WAIT_S = 60.0
_MAX_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class RisSettings:
    """Where RISPort is and how to treat it.

    `ttl_s`: how long an address is believed, in seconds; `absent_ttl_s`: how long a phone that was
    not registered is taken to be away. `requests_per_minute` is the cluster's allowance (Cisco
    UCM's enterprise parameter *Allowed Device Queries Per Minute*).
    """

    url: str
    username: str
    password: str = field(repr=False)
    verify: bool = True
    ca_file: Path | None = None
    timeout_s: float = 20.0
    requests_per_minute: int = 15
    ttl_s: float = 300.0
    absent_ttl_s: float = 60.0

    def address(self) -> ServerAddress:
        """The part that every SOAP service needs."""
        return ServerAddress(
            self.url, self.username, self.password, self.verify, self.ca_file, self.timeout_s
        )


class _Kept(NamedTuple):
    address: str | None
    until: float


class _Registration(NamedTuple):
    device: str
    address: str
    stamped: int


class RisPort:
    """The addresses of registered phones. Get one from `open_ris`."""

    def __init__(self, settings: RisSettings, port: HttpPort) -> None:
        self._settings = settings
        self._port = port
        self._quota = Quota(settings.requests_per_minute, 60.0)
        self._kept: dict[str, _Kept] = {}
        self._mutex = trio.Lock()

    async def addresses(self, devices: Sequence[str]) -> Mapping[str, str]:
        """The IP address of each device that is registered and has its web server on.

        Raises:
            PbxThrottled: The minute's requests are used up, by us or by others.
            PbxUnavailable, PbxRefused, PbxProtocolError: As for every phone system.
        """
        async with self._mutex:
            now = trio.current_time()
            missing = [name for name in dict.fromkeys(devices) if not self._known(name, now)]
            for start in range(0, len(missing), _NAMES_PER_REQUEST):
                await self._ask(missing[start : start + _NAMES_PER_REQUEST])
            kept = {name: self._kept[name].address for name in devices if name in self._kept}
        return {name: address for name, address in kept.items() if address is not None}

    def forget(self, device: str) -> None:
        """Ask anew next time: the phone did not answer where it was."""
        self._kept.pop(device, None)

    def _known(self, device: str, now: float) -> bool:
        kept = self._kept.get(device)
        return kept is not None and now < kept.until

    async def _ask(self, names: Sequence[str]) -> None:
        self._quota.take("RISPort")
        found = await self._port.post(
            "selectCmDeviceExt",
            selection(names),
            {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": _ACTION},
            registrations,
        )
        if len(self._kept) + len(names) > _MAX_KEPT:
            self._kept.clear()
        now = trio.current_time()
        for name in names:
            address = found.get(name)
            ttl_s = self._settings.ttl_s if address else self._settings.absent_ttl_s
            self._kept[name] = _Kept(address, now + ttl_s)


@asynccontextmanager
async def open_ris(
    settings: RisSettings, on_request: OnRequest = ignore_request, clock: Clock = system_clock
) -> AsyncGenerator[RisPort]:
    """Open the way to RISPort; connects to nothing yet.

    Raises:
        PbxRefused: The CA file cannot be read.
    """
    context = await trio.to_thread.run_sync(trust, settings.verify, settings.ca_file)
    async with httpx.AsyncClient(
        auth=httpx.BasicAuth(settings.username, settings.password),
        verify=context,
        timeout=httpx.Timeout(settings.timeout_s, connect=min(5.0, settings.timeout_s)),
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield RisPort(settings, HttpPort(settings.address(), client, 1, on_request, clock))


def selection(names: Sequence[str]) -> bytes:
    """The request for these devices, phones of any model, registered ones alone."""
    envelope = new(f"{{{_ENVELOPE}}}Envelope", namespaces={"soapenv": _ENVELOPE, "soap": _AST})
    body = add(envelope, f"{{{_ENVELOPE}}}Body")
    request = add(body, f"{{{_AST}}}selectCmDeviceExt")
    add(request, f"{{{_AST}}}StateInfo")
    criteria = add(request, f"{{{_AST}}}CmSelectionCriteria")
    for name, value in (
        ("MaxReturnedDevices", str(_NAMES_PER_REQUEST)),
        ("DeviceClass", "Phone"),
        ("Model", "255"),
        ("Status", "Registered"),
        ("NodeName", ""),
        ("SelectBy", "Name"),
    ):
        add(criteria, f"{{{_AST}}}{name}", value)
    items = add(criteria, f"{{{_AST}}}SelectItems")
    for name in names:
        add(add(items, f"{{{_AST}}}item"), f"{{{_AST}}}Item", name)
    add(criteria, f"{{{_AST}}}Protocol", "Any")
    add(criteria, f"{{{_AST}}}DownloadStatus", "Any")
    return to_bytes(envelope)


def registrations(answer: Answer) -> Mapping[str, str]:
    """The address of each registered device with its web server on, from RISPort's answer.

    Raises:
        PbxThrottled: The fault that says that the cluster's allowance is used up.
        PbxRefused: Any other fault.
        PbxProtocolError: An answer to something else.
    """
    envelope = parse(answer.body)
    fault = first(envelope, "Fault")
    if fault is not None:
        message = text_of(first(fault, "faultstring")) or text_of(first(fault, "Text"))
        if "exceeded allowed rate" in message.lower():
            raise PbxThrottled(f"RISPort: {message}", _RATE_WAIT_S)
        raise PbxRefused(f"RISPort: {message or 'no reason given'}")
    if first(envelope, "SelectCmDeviceResult") is None:
        raise PbxProtocolError("RISPort: the answer is one to something else")
    newest: dict[str, _Registration] = {}
    for seen in _registered(envelope):
        known = newest.get(seen.device)
        if known is None or seen.stamped > known.stamped:
            newest[seen.device] = seen
    return {name: seen.address for name, seen in newest.items()}


def _registered(envelope: Element) -> Iterator[_Registration]:
    for devices in envelope.iter("{*}CmDevices"):
        for item in devices:
            status, httpd = text_of(child(item, "Status")), text_of(child(item, "Httpd"))
            address = _address(item)
            if status == "Registered" and httpd == "Yes" and address:
                stamp = text_of(child(item, "TimeStamp"))
                yield _Registration(
                    text_of(child(item, "Name")), address, int(stamp) if stamp.isdigit() else 0
                )


def _address(item: Element) -> str:
    """The device's first usable address; one may stand bare in older answers."""
    holder = child(item, "IPAddress")
    if holder is None:
        holder = child(item, "IpAddress")
    if holder is None:
        return ""
    texts = [text_of(part) for part in holder.iter() if local_name(part) in {"IP", "IpAddress"}]
    return next((text for text in texts if _usable(text)), "")


def _usable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)
