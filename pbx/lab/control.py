"""The lab's own interface, for people and tests: place calls, look at lines, phones and mail.

`POST /calls {"from","to","seconds"}` ends a call now. Optional beside these: `scenario` (one of
`plain missed busy forward transfer blind-transfer transfer-by-caller conference hunt pickup`) and
`via`, the third party: who forwards or transfers, who was rung when `to` picked up, the hunt pilot
at which `to` answered, the second guest of a conference. Zero seconds is a call nobody answered.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from pbx.lab.axl_server import FAULTS, AxlFault
from pbx.lab.cast import WAYS, Wish
from pbx.lab.exchange import NotPlaced
from pbx.lab.http import Request, Response

_MAX_SECONDS = 24 * 3600


class Controlled(Protocol):
    """What the interface drives: the lab."""

    async def place(self, wish: Wish) -> str:
        """Place a call; gives the name of its CDR file, raises `NotPlaced`."""
        ...

    def line(self, extension: str) -> dict[str, object] | None:
        """A line as it is."""
        ...

    def phone(self, extension: str) -> dict[str, object] | None:
        """What a phone shows."""
        ...

    def mails(self) -> list[dict[str, object]]:
        """Mail that was sent."""
        ...

    def set_axl_fault(self, fault: AxlFault | None) -> None:
        """Break AXL, or mend it."""
        ...


class _Unusable(Exception):
    """A request that makes no sense."""


class Control:
    """Answers the lab's control requests."""

    def __init__(self, lab: Controlled) -> None:
        self._lab = lab

    async def handle(self, request: Request) -> Response:
        """Answer one HTTP request with JSON."""
        try:
            status, answer = await self._answer(request)
        except _Unusable as unusable:
            status, answer = 400, {"error": str(unusable)}
        body = json.dumps(answer, ensure_ascii=False).encode()
        return Response(status, body, "application/json; charset=utf-8")

    async def _answer(self, request: Request) -> tuple[int, object]:
        kind, _, name = request.path.strip("/").partition("/")
        posts: dict[str, Callable[[dict[str, Any]], Awaitable[object]]] = {
            "calls": self._call,
            "faults": self._fault,
        }
        if request.method == "POST" and kind in posts and not name:
            return 200, await posts[kind](_json(request))
        if request.method != "GET":
            return 405, {"error": f"{request.method} {request.path} is not for this"}
        found: object = None
        if kind == "lines" and name:
            found = self._lab.line(name)
        elif kind == "phones" and name:
            found = self._lab.phone(name)
        elif kind == "mail" and not name:
            found = self._lab.mails()
        elif not kind:
            found = {"lab": ["POST /calls", "GET /lines/EXT", "GET /phones/EXT", "POST /faults"]}
        if found is None:
            return 404, {"error": f"there is no {request.path}"}
        return 200, found

    async def _call(self, asked: dict[str, Any]) -> object:
        way = asked.get("scenario") or "plain"
        if way not in WAYS:
            raise _Unusable(f"scenario must be one of {', '.join(WAYS)}")
        seconds = asked.get("seconds", 60)
        if not isinstance(seconds, int) or not 0 <= seconds <= _MAX_SECONDS:
            raise _Unusable("seconds must be a whole number from 0 to 86400")
        caller, called = _number(asked, "from"), _number(asked, "to")
        via = _number(asked, "via") if asked.get("via") else ""
        if not via and way not in ("plain", "missed", "busy"):
            raise _Unusable(f"scenario {way} needs via, the third party")
        try:
            name = await self._lab.place(Wish(caller, called, seconds, way, via))
        except NotPlaced as refusal:
            return {"placed": False, "reason": str(refusal)}
        return {"placed": True, "file": name}

    async def _fault(self, asked: dict[str, Any]) -> object:
        fault = asked.get("axl")
        if "axl" not in asked or (fault is not None and fault not in FAULTS):
            raise _Unusable(f"axl must be null or one of {', '.join(FAULTS)}")
        self._lab.set_axl_fault(fault)
        return {"axl": fault}


def _json(request: Request) -> dict[str, Any]:
    try:
        asked: object = json.loads(request.body or b"{}")
    except ValueError as error:
        raise _Unusable("the body is no JSON") from error
    if not isinstance(asked, dict):
        raise _Unusable("the body is no JSON object")
    return cast("dict[str, Any]", asked)


def _number(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    text = str(value) if isinstance(value, (str, int)) else ""
    text = "".join(c for c in text if c not in " ()/-" or "@" in text)
    if not text or len(text) > 64:
        raise _Unusable(f"{name} must be a number")
    return text
