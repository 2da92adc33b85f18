"""Cisco UCM's lines through AXL: reads what a line may dial and changes it.

`AxlLines` is the `pbx.port.LineLocker` of Cisco UCM. What a line may dial is its calling search
space (`shareLineAppearanceCssName`); locking swaps it for another, unlocking puts the old one
back, and a line that had none gets none. Lines are known by their UUID, which survives renaming.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import cast

import httpx
import trio

from pbx.cucm.axl_transport import AxlTransport, load_messages
from pbx.cucm.proof import Prover
from pbx.cucm.soap import HttpPort, OnRequest, ServerAddress, ignore_request, trust
from pbx.cucm.sql import in_list, to_key, to_uuid
from pbx.port import PbxLine, Proof
from telephony.clock import Clock, system_clock
from telephony.errors import PbxProtocolError, PbxRefused

_NUMBER = re.compile(r"\+?[0-9A-Za-z*#._@-]{1,50}")
_LINES_PER_QUERY = 500
"""Keeps a query under 20 kB and its answer far under AXL's 8 MB."""

_WANTED = {"pattern": "", "routePartitionName": "", "shareLineAppearanceCssName": ""}


@dataclass(frozen=True, slots=True)
class AxlSettings:
    """Where AXL is, who we are to it, and which calling search space locks which.

    `lock_css` maps a line's own calling search space (empty: it has none) to the one that locks
    it; any other gets `default_lock_css`, or stays unlockable where that is empty. `ca_file` (PEM)
    is trusted instead of the system's authorities. `timeout_s` bounds each request.
    """

    url: str
    username: str
    password: str = field(repr=False)
    verify: bool = True
    ca_file: Path | None = None
    timeout_s: float = 20.0
    max_concurrent: int = 4
    default_lock_css: str = ""
    lock_css: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    plan_ttl_s: float = 60.0

    def address(self) -> ServerAddress:
        """The part that every SOAP service needs; AXL's address ends with a slash."""
        url = self.url if self.url.endswith("/") else f"{self.url}/"
        return ServerAddress(
            url, self.username, self.password, self.verify, self.ca_file, self.timeout_s
        )


class AxlLines:
    """The lines of a Cisco UCM cluster. Get one from `open_axl`."""

    def __init__(self, settings: AxlSettings, transport: AxlTransport) -> None:
        self._settings = settings
        self._axl = transport
        self._lock_names = {settings.default_lock_css, *settings.lock_css.values()} - {""}
        self._prover = Prover(transport.query, settings.plan_ttl_s)

    async def find_lines(self, extension: str, partition: str) -> Sequence[PbxLine]:
        """Every line with this number; an empty `partition` asks in all of them."""
        pattern, criterion = _as_stored(extension), _as_criterion(extension)
        criteria = {"pattern": criterion}
        if partition:
            criteria["routePartitionName"] = partition
        wanted = {"pattern": "", "routePartitionName": ""}
        listed = await self._axl.call("listLine", searchCriteria=criteria, returnedTags=wanted)
        ids = [
            to_uuid(str(line["uuid"]))
            for line in cast("Sequence[Mapping[str, object] | None]", listed or ())
            if line is not None and line["pattern"] == pattern
        ]
        lines = [await self.read_line(line_id) for line_id in ids]
        return [line for line in lines if not partition or line.partition == partition]

    async def read_line(self, line_id: str) -> PbxLine:
        """The line as Cisco UCM has it at this moment; `PbxRefused` (5007) when it is gone."""
        wanted = {**_WANTED, "associatedDevices": {"device": [""]}}
        line = await self._axl.call("getLine", uuid=to_uuid(line_id), returnedTags=wanted)
        if line is None or _unread(line) or line["pattern"] is None:
            raise PbxProtocolError("getLine: the line is not described as asked")
        if line["shareLineAppearanceCssName"] is None:
            raise PbxProtocolError("getLine: the line's calling search space is not told")
        devices = line["associatedDevices"]
        return PbxLine(
            line_id=to_uuid(str(line["uuid"] or line_id)),
            extension=str(line["pattern"]).replace("\\+", "+"),
            partition=_name(line["routePartitionName"]),
            rights=_name(line["shareLineAppearanceCssName"]),
            devices=tuple(str(name) for name in (devices["device"] if devices else ()) if name),
        )

    async def read_rights(self, line_ids: Sequence[str]) -> Mapping[str, str]:
        """The calling search spaces of many lines, at once; lines that are gone are absent."""
        rights: dict[str, str] = {}
        asked = {to_key(line_id): line_id for line_id in line_ids}
        keys = list(asked)
        for start in range(0, len(keys), _LINES_PER_QUERY):
            rows = await self._axl.query(
                "select np.pkid as pkid, css.name as css from numplan np"  # noqa: S608 - checked UUIDs only
                " left join callingsearchspace css"
                " on np.fkcallingsearchspace_sharedlineappear = css.pkid"
                f" where np.pkid in {in_list(keys[start : start + _LINES_PER_QUERY])}"
            )
            for row in rows:
                line_id = asked.get(row.get("pkid", "").lower())
                if line_id is None or "css" not in row:
                    raise PbxProtocolError("executeSQLQuery: an answer to something else")
                rights[line_id] = row["css"]
        return rights

    def lock_rights(self, original: str) -> str | None:
        """The calling search space that locks a line whose own is `original`; None: none is."""
        return self._settings.lock_css.get(original, self._settings.default_lock_css) or None

    def is_lock_rights(self, rights: str) -> bool:
        """Whether this calling search space is one of those that lock."""
        return rights in self._lock_names

    async def prove(
        self, line: PbxLine, rights: str, emergency: Sequence[str], outside: Sequence[str]
    ) -> Proof:
        """Whether, with these rights, help can be called from every device and nobody outside.

        Each emergency number must be reachable from every device of the line, and no outside
        number from any. The reason names search space, device, pattern, partition and number.
        """
        return await self._prover.prove(line, rights, emergency, outside)

    async def write_rights(self, line_id: str, rights: str) -> None:
        """Set the line's calling search space; empty takes it away.

        A lost answer leaves the outcome open: read the line back.
        """
        uuid = to_uuid(line_id)
        await self._axl.call("updateLine", uuid=uuid, shareLineAppearanceCssName=rights)

    async def version(self) -> str:
        """Cisco UCM's version; raises what is wrong otherwise."""
        answer = await self._axl.call("getCCMVersion")
        version = answer["version"] if answer is not None and "version" in answer else answer
        if not version:
            raise PbxProtocolError("getCCMVersion: the answer names no version")
        return str(version)


@asynccontextmanager
async def open_axl(
    settings: AxlSettings,
    on_request: OnRequest = ignore_request,
    clock: Clock = system_clock,
) -> AsyncGenerator[AxlLines]:
    """Open the way to AXL: reads the WSDL and the certificates in a thread, connects to nothing.

    Raises:
        PbxRefused: The CA file cannot be read.
    """
    messages = await load_messages()
    address = settings.address()
    context = await trio.to_thread.run_sync(trust, settings.verify, settings.ca_file)
    async with httpx.AsyncClient(
        auth=httpx.BasicAuth(address.username, address.password),
        verify=context,
        timeout=httpx.Timeout(settings.timeout_s, connect=min(5.0, settings.timeout_s)),
        limits=httpx.Limits(max_connections=settings.max_concurrent),
        follow_redirects=False,
        trust_env=False,
    ) as client:
        port = HttpPort(address, client, settings.max_concurrent, on_request, clock)
        yield AxlLines(settings, AxlTransport(port, messages))


def _unread(line: object) -> bool:
    """Whether zeep left something aside that it could not place."""
    return bool(getattr(line, "_raw_elements", None))


def _as_stored(extension: str) -> str:
    """A directory number as Cisco UCM stores it: a leading plus is written with a backslash."""
    if not _NUMBER.fullmatch(extension):
        raise PbxRefused(f"{extension!r} is no directory number")
    return extension.replace("+", "\\+")


def _as_criterion(extension: str) -> str:
    """As `listLine` searches for it: there a backslash is an escape, so a plus is left open."""
    return extension.replace("+", "%")


def _name(reference: object) -> str:
    """The name in a reference element; empty where it references nothing."""
    if reference is None or isinstance(reference, str):
        return (reference or "").strip()
    value = cast("Mapping[str, object]", reference)["_value_1"]
    return str(value or "").strip()
