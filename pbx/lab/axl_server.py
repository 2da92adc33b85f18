"""AXL as Cisco UCM 14 serves it, for five operations, with the answers it gives when displeased.

An element the schema does not know, or one out of order, is a fault, as it is there. A line that
does not exist is fault 5007. `fault` in `AxlServer` makes it fail in four ways, at once for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Literal

import trio

from pbx.cucm.markup import Element, add, first, local_name, new, parse, text_of, to_bytes
from pbx.lab.database import LabDatabase, LineRow, SqlRefused
from pbx.lab.http import Request, Response
from telephony.errors import PbxProtocolError

AxlFault = Literal["503", "slow", "cut", "fault"]
FAULTS: tuple[AxlFault, ...] = ("503", "slow", "cut", "fault")

VERSION = "14.0.1.13900(155)"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_AXL = "http://www.cisco.com/AXL/API/14.0"
_KEPT = 5000
_MAX_ANSWER = 8 * 1024 * 1024

# Names of the schema's elements in its order, as far as a request may hold them.
_FORWARDS = (
    "callForwardAll callForwardBusy callForwardBusyInt callForwardNoAnswer callForwardNoAnswerInt"
    " callForwardNoCoverage callForwardNoCoverageInt callForwardOnFailure"
    " callForwardAlternateParty callForwardNotRegistered callForwardNotRegisteredInt"
)
_AAR = "aarNeighborhoodName aarDestinationMask aarKeepCallHistory aarVoiceMailEnabled"
_MIDDLE = (
    "callPickupGroupName autoAnswer networkHoldMohAudioSourceId userHoldMohAudioSourceId"
    " callingIdPresentationWhenDiverted alertingName asciiAlertingName presenceGroupName"
    " shareLineAppearanceCssName voiceMailProfileName patternPrecedence releaseClause hrDuration"
    " hrInterval cfaCssPolicy defaultActivatedDeviceName"
)
_UPDATE = (
    f"uuid pattern routePartitionName newPattern description newRoutePartitionName {_AAR}"
    f" {_FORWARDS} {_MIDDLE}"
).split()
_GET_TAGS = (
    f"pattern description usage routePartitionName {_AAR} {_FORWARDS} {_MIDDLE} associatedDevices"
).split()
_LIST_TAGS = f"pattern description usage routePartitionName {_AAR} {_MIDDLE}".split()
_CRITERIA = ("pattern", "description", "usage", "routePartitionName")


class AxlRefusal(Exception):
    """A SOAP fault: AXL's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class AxlServer:
    """Answers AXL requests from a `LabDatabase`.

    `requests` keeps name and envelope of the last operations asked for; `at_once` is the highest
    number of requests that were being answered at the same time.
    """

    def __init__(self, database: LabDatabase, username: str, password: str) -> None:
        self._database = database
        self._credentials = (username, password)
        self.fault: AxlFault | None = None
        self.slow_s = 5.0
        self.requests: list[tuple[str, bytes]] = []
        self.cookies: list[str] = []
        self.at_once = 0
        self._now = 0
        self.gate: Callable[[], Awaitable[None]] | None = None
        self.changed: Callable[[], Awaitable[None]] | None = None
        self._dirty = False

    async def handle(self, request: Request) -> Response:
        """Answer one HTTP request."""
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            if self.gate is not None:
                await self.gate()
            return await self._handle(request)
        finally:
            self._now -= 1

    async def _handle(self, request: Request) -> Response:
        if request.credentials() != self._credentials:
            page = b"<html><body><h1>HTTP Status 401 - Unauthorized</h1></body></html>"
            realm = {"www-authenticate": 'Basic realm="Cisco Web Services Realm"'}
            return Response(401, page, "text/html;charset=utf-8", realm)
        if self.fault == "503":
            page = b"<html><body><h1>HTTP Status 503 - Service Unavailable</h1></body></html>"
            return Response(503, page, "text/html;charset=utf-8")
        if request.method != "POST":
            return Response(405, b"", "text/plain")
        self.cookies.append(request.headers.get("cookie", ""))
        del self.cookies[:-_KEPT]
        if self.fault == "slow":
            await trio.sleep(self.slow_s)
        response = self._soap(request)
        if self._dirty and self.changed is not None:
            self._dirty = False
            await self.changed()
        return (
            Response(response.status, response.body, cut=True) if self.fault == "cut" else response
        )

    def _soap(self, request: Request) -> Response:
        operation = "unknown"
        try:
            asked = _asked(request)
            operation = local_name(asked)
            self.requests.append((operation, request.body))
            del self.requests[:-_KEPT]
            answer = self._carry_out(request, operation, asked)
        except AxlRefusal as refusal:
            return _fault(operation, refusal.code, str(refusal))
        except PbxProtocolError as error:
            return _fault(operation, -1, str(error))
        headers = {"set-cookie": "JSESSIONIDSSO=lab; Path=/; HttpOnly"}
        return Response(200, to_bytes(answer), headers=headers)

    def _carry_out(self, request: Request, operation: str, asked: Element) -> Element:
        if self.fault == "fault":
            raise AxlRefusal(-1, "The database is not available at the moment")
        _check_action(request, operation)
        handler = self._operations().get(operation)
        if handler is None:
            raise AxlRefusal(-1, f"No such operation: {operation}")
        return handler(asked)

    def _operations(self) -> Mapping[str, Callable[[Element], Element]]:
        return {
            "getLine": self._get_line,
            "listLine": self._list_line,
            "updateLine": self._update_line,
            "executeSQLQuery": self._query,
            "getCCMVersion": _version,
        }

    def _get_line(self, request: Element) -> Element:
        _check(request, ("uuid", "pattern", "routePartitionName", "returnedTags"))
        tags = _tags(request, _GET_TAGS)
        row = self._line(request)
        answer, returned = _answer("getLine")
        line = add(returned, "line")
        line.set("uuid", _uuid(row.pkid))
        wanted = set(tags or ("pattern", "routePartitionName", "shareLineAppearanceCssName"))
        _describe(line, row, wanted)
        if not tags or "associatedDevices" in tags:
            devices = add(line, "associatedDevices")
            for name in self._database.devices(row.pkid):
                add(devices, "device", name)
        return answer

    def _list_line(self, request: Element) -> Element:
        _check(request, ("searchCriteria", "returnedTags", "skip", "first"))
        criteria = first(request, "searchCriteria")
        if criteria is None or not len(criteria):
            raise AxlRefusal(-1, "At least one search criterion has to be given")
        _check(criteria, _CRITERIA)
        tags = _tags(request, _LIST_TAGS)
        columns = {"pattern": "np.dnorpattern", "routePartitionName": "coalesce(rp.name, '')"}
        where, values = ["1 = 1"], list[str]()
        for part in criteria:
            column = columns.get(local_name(part), "np.description")
            where.append(f"{column} like ? escape '\\'")
            values.append(text_of(part))
        answer, returned = _answer("listLine")
        for row in self._database.lines(" and ".join(where), *values):
            line = add(returned, "line")
            line.set("uuid", _uuid(row.pkid))
            _describe(line, row, set(tags))
        return answer

    def _update_line(self, request: Element) -> Element:
        _check(request, _UPDATE)
        row = self._line(request)
        css = next((p for p in request if local_name(p) == "shareLineAppearanceCssName"), None)
        if css is not None:
            name = text_of(css)
            if name and not self._database.has_search_space(name):
                raise AxlRefusal(
                    5010, "Item not valid: The specified CallingSearchSpace was not found"
                )
            self._database.set_css(row.pkid, name)
            self._dirty = True
        answer = new(f"{{{_SOAP}}}Envelope", namespaces={"soapenv": _SOAP, "ns": _AXL})
        body = add(answer, f"{{{_SOAP}}}Body")
        add(add(body, f"{{{_AXL}}}updateLineResponse"), "return", _uuid(row.pkid))
        return answer

    def _query(self, request: Element) -> Element:
        _check(request, ("sql",))
        try:
            rows = self._database.query(text_of(first(request, "sql")))
        except SqlRefused as refusal:
            raise AxlRefusal(-201, str(refusal)) from refusal
        answer, returned = _answer("executeSQLQuery")
        size = 0
        for row in rows:
            element = add(returned, "row")
            for name, value in row:
                add(element, name, value or "")
                size += 2 * len(name) + len(value or "") + 5
        if size > _MAX_ANSWER:
            fewer = len(rows) * _MAX_ANSWER // size
            raise AxlRefusal(
                -1,
                f"Query request too large. Total rows matched: {len(rows)} rows."
                f" Suggestive Row Fetch: less than {fewer} rows",
            )
        return answer

    def _line(self, request: Element) -> LineRow:
        given = {local_name(part): text_of(part) for part in request}
        if "uuid" in given and ("pattern" in given or "routePartitionName" in given):
            raise AxlRefusal(-1, _invalid("pattern"))
        if "uuid" in given:
            rows = self._database.lines("np.pkid = ?", given["uuid"].strip("{}").lower())
        else:
            rows = self._database.lines(
                "np.dnorpattern = ? and coalesce(rp.name, '') = ?",
                given.get("pattern", ""),
                given.get("routePartitionName", ""),
            )
        if not rows:
            raise AxlRefusal(5007, "Item not valid: The specified Line was not found")
        return rows[0]


def _describe(line: Element, row: LineRow, wanted: Iterable[str]) -> None:
    """The elements of a line that were asked for, in the schema's order."""
    wanted = set(wanted)
    if "pattern" in wanted:
        add(line, "pattern", row.pattern)
    if "description" in wanted:
        add(line, "description", row.description)
    if "usage" in wanted:
        add(line, "usage", "Device")
    for name, text, key in (
        ("routePartitionName", row.partition, row.partition_key),
        ("shareLineAppearanceCssName", row.css, row.css_key),
    ):
        if name in wanted:
            element = add(line, name, text)
            if key:
                element.set("uuid", _uuid(key))


def _version(request: Element) -> Element:
    _check(request, ("processNodeName",))
    answer, returned = _answer("getCCMVersion")
    add(add(returned, "componentVersion"), "version", VERSION)
    return answer


def _answer(operation: str) -> tuple[Element, Element]:
    envelope = new(f"{{{_SOAP}}}Envelope", namespaces={"soapenv": _SOAP, "ns": _AXL})
    body = add(envelope, f"{{{_SOAP}}}Body")
    return envelope, add(add(body, f"{{{_AXL}}}{operation}Response"), "return")


def _tags(request: Element, allowed: Sequence[str]) -> list[str]:
    tags = next((part for part in request if local_name(part) == "returnedTags"), None)
    if tags is None:
        return []
    _check(tags, allowed)
    return [local_name(part) for part in tags]


def _check(element: Element, allowed: Sequence[str]) -> None:
    """Every child is one the schema knows, in its order and in no namespace."""
    last = -1
    for part in element:
        name = local_name(part)
        place = allowed.index(name) if name in allowed else -1
        if place <= last:
            raise AxlRefusal(-1, _invalid(name))
        last = place


def _invalid(name: str) -> str:
    return f"cvc-complex-type.2.4.a: Invalid content was found starting with element '{name}'."


def _asked(request: Request) -> Element:
    body = first(parse(request.body), "Body")
    if body is None or len(body) != 1:
        raise AxlRefusal(-1, "The request has no body")
    return body[0]


def _check_action(request: Request, operation: str) -> None:
    action = request.headers.get("soapaction", "").strip('"')
    if action and action != f"CUCM:DB ver=14.0 {operation}":
        raise AxlRefusal(-1, f"SOAPAction {action} does not fit {operation}")


def _fault(operation: str, code: int, message: str) -> Response:
    envelope = new(f"{{{_SOAP}}}Envelope", namespaces={"soapenv": _SOAP, "axl": _AXL})
    fault = add(add(envelope, f"{{{_SOAP}}}Body"), f"{{{_SOAP}}}Fault")
    add(fault, "faultcode", "soapenv:Server")
    add(fault, "faultstring", message)
    error = add(add(fault, "detail"), "axlError")
    add(error, "axlcode", str(code))
    add(error, "axlmessage", message)
    add(error, "request", operation)
    return Response(500, to_bytes(envelope))


def _uuid(key: str) -> str:
    return "{" + key.upper() + "}"
