"""One row of a call record: who took part, the ids it carries, what the phones measured."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from hashlib import blake2b

from pbx.cucm.dialplan import DIRECTORY_NUMBER, ROUTE
from pbx.lab.cdr import Record, signed_address

NORMAL = 16
"""Normal call clearing: the cause of a call that somebody ended."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who takes part: a line on a phone, or somebody outside behind a gateway.

    `pattern` is the pattern that matched where this party was called.
    """

    number: str
    partition: str = ""
    device: str = ""
    user: str = ""
    usage: int = DIRECTORY_NUMBER
    pattern: str = ""
    address: str = "10.20.0.10"

    @property
    def outside(self) -> bool:
        """Whether this party is beyond a gateway."""
        return self.usage == ROUTE


def outside_party(number: str, gateway: str, partition: str = "", pattern: str = "") -> Party:
    """Somebody outside, reached or calling through a gateway."""
    return Party(number, partition, gateway, "", ROUTE, pattern, "10.20.255.1")


@dataclass(slots=True)
class Ids:
    """Hands out what must never come twice: call ids, leg ids, row ids.

    `name` goes into every row id; two sources of records in one cluster need different names.
    """

    name: str
    cluster: str = "LabCluster"
    node: int = 1
    call_no: int = 0
    leg_no: int = 0
    row_no: int = 0
    conversation_no: int = 0

    def call(self) -> int:
        """A new call id."""
        self.call_no += 1
        return self.call_no

    def leg(self) -> int:
        """A new call-leg id: the node in the top byte."""
        self.leg_no += 1
        return (self.node << 24) | (self.leg_no & 0xFFFFFF)

    def conversation(self) -> int:
        """A new conference's id."""
        self.conversation_no += 1
        return 16777216 * self.node + self.conversation_no % 16777216

    def row(self) -> str:
        """A new row's id, the same in every run with the same name and number."""
        self.row_no += 1
        digest = blake2b(f"{self.name}/{self.cluster}/{self.row_no}".encode(), digest_size=16)
        return str(uuid.UUID(bytes=digest.digest(), version=4))


def record(
    ids: Ids,
    call: int,
    legs: tuple[int, int],
    caller: Party,
    called: Party,
    times: tuple[int, int, int],
    **changes: str | int,
) -> Record:
    """One row: `times` are origination, connect (0: never) and disconnect."""
    originated, connected, disconnected = times
    made: Record = {
        "cdrRecordType": 1,
        "globalCallID_callManagerId": ids.node,
        "globalCallID_callId": call,
        "globalCallId_ClusterID": ids.cluster,
        "pkid": ids.row(),
        "origLegCallIdentifier": legs[0],
        "destLegIdentifier": legs[1],
        "origNodeId": ids.node,
        "destNodeId": ids.node,
        "dateTimeOrigination": originated,
        "dateTimeConnect": connected,
        "dateTimeDisconnect": disconnected,
        "duration": disconnected - connected if connected else 0,
        "callingPartyNumber": caller.number,
        "callingPartyNumberPartition": "" if caller.outside else caller.partition,
        "callingPartyUnicodeLoginUserID": caller.user,
        "origDeviceName": caller.device,
        "origIpv4v6Addr": caller.address,
        "origCause_value": NORMAL,
        "callSecuredStatus": 0,
        "calledPartyPatternUsage": called.usage,
        **_called(called),
    }
    if connected:
        made.update(_media(caller, called))
    made.update(changes)
    return made


def _called(called: Party) -> Record:
    made: Record = {
        "finalCalledPartyUnicodeLoginUserID": called.user,
        "destDeviceName": called.device,
        "destIpv4v6Addr": called.address,
    }
    for prefix in ("originalCalledParty", "finalCalledParty"):
        made[f"{prefix}Number"] = called.number
        made[f"{prefix}NumberPartition"] = called.partition
        made[f"{prefix}Pattern"] = called.pattern or called.number
    made["lastRedirectDn"] = called.number
    made["lastRedirectDnPartition"] = called.partition
    made["lastRedirectingPartyPattern"] = called.pattern or called.number
    return made


_ADDRESSES: dict[str, int] = {}


def _media(caller: Party, called: Party) -> Record:
    made: Record = {}
    for side, party in (("orig", caller), ("dest", called)):
        number = _ADDRESSES.get(party.address)
        if number is None:
            number = _ADDRESSES[party.address] = signed_address(party.address)
        made[f"{side}IpAddr"] = number
        made[f"{side}MediaTransportAddress_IP"] = number
        made[f"{side}MediaTransportAddress_Port"] = 16384
        made[f"{side}MediaCap_payloadCapability"] = 4
        made[f"{side}MediaCap_maxFramesPerPacket"] = 20
        made[f"{side}MediaCap_Bandwidth"] = 64
    return made


def _mos(jitter_ms: int, lost_percent: float) -> float:
    """About what a phone says of voice that is late or lost: 4.5 for none, 1 at worst."""
    return max(1.0, 4.5 - 0.9 * lost_percent - 0.02 * max(0, jitter_ms - 20))


def quality(ids: Ids, of: Record, jitter_ms: int = 4, lost: int = 0) -> list[Record]:
    """The CMR of each phone in an answered row."""
    if not of["dateTimeConnect"]:
        return []
    duration = int(of["duration"])
    packets = duration * 50
    mos = f"{_mos(jitter_ms, lost * 100 / packets if packets else 0):.4f}"
    sides = (
        (
            "origLegCallIdentifier",
            "callingPartyNumber",
            "callingPartyNumberPartition",
            "origDevice",
        ),
        (
            "destLegIdentifier",
            "finalCalledPartyNumber",
            "finalCalledPartyNumberPartition",
            "destDevice",
        ),
    )
    return [
        {
            "cdrRecordType": 2,
            "globalCallID_callManagerId": ids.node,
            "globalCallID_callId": of["globalCallID_callId"],
            "globalCallId_ClusterID": ids.cluster,
            "nodeId": ids.node,
            "pkid": ids.row(),
            "callIdentifier": of[leg],
            "directoryNum": of[number],
            "directoryNumPartition": of[partition],
            "deviceName": of[f"{device}Name"],
            "dateTimeStamp": of["dateTimeDisconnect"],
            "duration": duration,
            "numberPacketsSent": packets,
            "numberOctetsSent": packets * 160,
            "numberPacketsReceived": packets - lost,
            "numberOctetsReceived": (packets - lost) * 160,
            "numberPacketsLost": lost,
            "jitter": jitter_ms,
            "latency": 0,
            "varVQMetrics": f"MLQK={mos};MLQKav={mos};MLQKmn={mos};MLQKmx=4.5000;ICR=0.0000;"
            f"CCR=0.0000;ICRmx=0.0000;CS=0;SCS=0;MLQKvr=0.95;VoPktLost={lost};VoPktDis=0",
        }
        for leg, number, partition, device in sides
        if str(of[f"{device}Name"]).startswith("SEP")
    ]
