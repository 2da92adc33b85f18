"""RISPort70 as the lab serves it: where its phones are, asked at most 15 times a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import trio

from pbx.cucm.markup import Element, add, first, new, parse, text_of, to_bytes
from pbx.lab.http import Request, Response

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_AST = "http://schemas.cisco.com/ast/soap"
PER_MINUTE = 15


class LabRegistration(NamedTuple):
    """A phone as the phone system sees it."""

    address: str
    status: str = "Registered"
    httpd: str = "Yes"
    directory_number: str = ""


class RisServer:
    """Answers selectCmDeviceExt. `phones` may be changed while it runs."""

    def __init__(self, phones: Mapping[str, LabRegistration], username: str, password: str) -> None:
        self.phones = dict(phones)
        self.per_minute = PER_MINUTE
        self.answered = 0
        self._credentials = (username, password)
        self._asked: deque[float] = deque()

    async def handle(self, request: Request) -> Response:
        """Answer one HTTP request."""
        await trio.lowlevel.checkpoint()
        if request.credentials() != self._credentials:
            return Response(401, b"<html>401</html>", "text/html")
        if self._too_often():
            return _fault(
                "Exceeded allowed rate for Reatime information. Current allowed rate for"
                f" realtime information is {self.per_minute} requests per minute"
            )
        body = parse(request.body)
        items = [text_of(item) for item in body.iter(f"{{{_AST}}}Item")]
        wanted = [name for item in items for name in item.split(",")]
        status = text_of(first(body, "Status")) or "Any"
        self.answered += 1
        return Response(200, to_bytes(self._answer(wanted, status)))

    def _too_often(self) -> bool:
        now = trio.current_time()
        while self._asked and now - self._asked[0] >= 60:
            self._asked.popleft()
        if len(self._asked) >= self.per_minute:
            return True
        self._asked.append(now)
        return False

    def _answer(self, wanted: list[str], status: str) -> Element:
        found = {
            name: phone
            for name, phone in self.phones.items()
            if ("*" in wanted or name in wanted) and status in ("Any", phone.status)
        }
        envelope = new(f"{{{_SOAP}}}Envelope", namespaces={"soapenv": _SOAP, "ns": _AST})
        body = add(envelope, f"{{{_SOAP}}}Body")
        returned = add(
            add(body, f"{{{_AST}}}selectCmDeviceResponse"), f"{{{_AST}}}selectCmDeviceReturn"
        )
        result = add(returned, "SelectCmDeviceResult")
        add(result, "TotalDevicesFound", str(len(found)))
        node = add(add(result, "CmNodes"), "item")
        add(node, "ReturnCode", "Ok" if found else "NotFound")
        add(node, "Name", "lab-cucm-1")
        add(node, "NoChange", "false")
        devices = add(node, "CmDevices")
        for name, phone in found.items():
            _device(devices, name, phone)
        add(returned, "StateInfo")
        return envelope


def _device(devices: Element, name: str, phone: LabRegistration) -> None:
    item = add(devices, "item")
    add(item, "Name", name)
    add(item, "DirNumber", f"{phone.directory_number}-{phone.status}")
    add(item, "DeviceClass", "Phone")
    add(item, "Httpd", phone.httpd)
    add(item, "Status", phone.status)
    add(item, "TimeStamp", "1704067200")
    add(item, "Protocol", "SIP")
    address = add(add(item, "IPAddress"), "item")
    add(address, "IP", phone.address)
    add(address, "IPAddrType", "ipv4")
    add(address, "Attribute", "Unknown")


def _fault(message: str) -> Response:
    envelope = new(f"{{{_SOAP}}}Envelope", namespaces={"soapenv": _SOAP})
    fault = add(add(envelope, f"{{{_SOAP}}}Body"), f"{{{_SOAP}}}Fault")
    add(fault, "faultcode", "soapenv:Server")
    add(fault, "faultstring", message)
    return Response(500, to_bytes(envelope))
