"""IP phones with web access: they take a push at `/CGI/Execute` and remember what they show.

Every phone has an address of its own on the loopback network and all share one port. A push needs
the right user and password and must be a well-formed object; a page it names is fetched, from
loopback addresses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import trio

from pbx.cucm.markup import Element, add, first, local_name, new, parse, text_of, to_bytes
from pbx.lab.http import Request, Response
from telephony.errors import PbxProtocolError

_ORDER: Mapping[str, tuple[str, ...]] = {
    "CiscoIPPhoneText": ("Title", "Prompt", "Text", "SoftKeyItem"),
    "CiscoIPPhoneMenu": ("Title", "Prompt", "MenuItem", "SoftKeyItem"),
    "CiscoIPPhoneInput": ("Title", "Prompt", "URL", "InputItem", "SoftKeyItem"),
    "CiscoIPPhoneExecute": ("ExecuteItem",),
}
_MAX_TEXT = 4000
_MAX_EXECUTE = 3


@dataclass(slots=True)
class LabPhone:
    """One phone. `screen` is what it shows now; `pushes` counts what it accepted."""

    device: str
    address: str
    extension: str
    screen: dict[str, str] = field(default_factory=dict[str, str])
    shown: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    pushes: int = 0
    refused: int = 0
    mode: Literal["ok", "busy", "cut"] = "ok"


class PhoneServer:
    """All phones of the lab behind one port."""

    def __init__(self, phones: list[LabPhone], username: str, password: str) -> None:
        self.by_address = {phone.address: phone for phone in phones}
        self.by_device = {phone.device: phone for phone in phones}
        self._credentials = (username, password)

    async def handle(self, request: Request) -> Response:
        """Answer one HTTP request, as the phone at the address where it arrived."""
        phone = self.by_address.get(request.local)
        if phone is None or request.path != "/CGI/Execute":
            return Response(404, b"", "text/plain")
        if request.method != "POST":
            return Response(405, b"", "text/plain")
        if request.credentials() != self._credentials:
            phone.refused += 1
            return Response(401, _error(4), headers={"www-authenticate": 'Basic realm="user"'})
        if phone.mode != "ok":
            return Response(200, _error(3), cut=phone.mode == "cut")
        form = parse_qs(request.body.decode(errors="replace"))
        try:
            root = parse(form.get("XML", [""])[0].encode())
            _check(root)
        except PbxProtocolError:
            phone.refused += 1
            return Response(200, _error(1))
        return Response(200, await self._execute(phone, root))

    async def _execute(self, phone: LabPhone, root: Element) -> bytes:
        phone.pushes += 1
        if local_name(root) != "CiscoIPPhoneExecute":
            _show(phone, root)
            return _done([("", 0)])
        results: list[tuple[str, int]] = []
        for item in root:
            url = item.get("URL")
            ok = not url.startswith("http") or await self._fetch(phone, url)
            results.append((url, 0 if ok else 6))
        return _done(results)

    async def _fetch(self, phone: LabPhone, url: str) -> bool:
        """Show the page at `url`; whether that worked."""
        try:
            if not ip_address(urlsplit(url).hostname or "").is_loopback:
                return False
            with trio.fail_after(5):
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.get(url, headers={"x-CiscoIPPhoneModelName": "CP-8845"})
            root = parse(answer.content)
            _check(root)
        except (ValueError, httpx.HTTPError, trio.TooSlowError, PbxProtocolError):
            return False
        _show(phone, root)
        return answer.status_code == 200


def _show(phone: LabPhone, root: Element) -> None:
    phone.screen = {
        "kind": local_name(root),
        "title": text_of(first(root, "Title")),
        "prompt": text_of(first(root, "Prompt")),
        "text": text_of(first(root, "Text")),
    }
    phone.shown.append(phone.screen)
    del phone.shown[:-100]


def _check(root: Element) -> None:
    """Raise `PbxProtocolError` for what a real phone would not parse."""
    order = _ORDER.get(local_name(root))
    if order is None:
        raise PbxProtocolError(f"a phone does not know {local_name(root)}")
    last = -1
    for part in root:
        name = local_name(part)
        place = order.index(name) if name in order else -1
        if place < last or place < 0:
            raise PbxProtocolError(f"{name} does not stand there")
        last = place
    if len(text_of(first(root, "Text"))) > _MAX_TEXT:
        raise PbxProtocolError("the text is too long")
    if local_name(root) == "CiscoIPPhoneExecute" and not 1 <= len(root) <= _MAX_EXECUTE:
        raise PbxProtocolError("too many things to execute")


def _error(number: int) -> bytes:
    root = new("CiscoIPPhoneError")
    root.set("Number", str(number))
    return to_bytes(root)


def _done(results: list[tuple[str, int]]) -> bytes:
    root = new("CiscoIPPhoneResponse")
    for url, status in results:
        item = add(root, "ResponseItem")
        item.set("Status", str(status))
        item.set("Data", "Success" if status == 0 else "Failure")
        item.set("URL", url)
    return to_bytes(root)
