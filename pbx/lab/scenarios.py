"""What happens in a call, and the rows it leaves: each way a call can go, as Cisco UCM records it.

Instants are epoch seconds, UTC; lengths are whole seconds. Source for the rows: Cisco's Call
Detail Records Administration Guide, chapter *CDR examples*, and what real files show.
"""

from __future__ import annotations

from pbx.cucm.dialplan import HUNT_PILOT
from pbx.lab.cdr import Record
from pbx.lab.rows import Ids, Party, record

SPLIT = 393216
BUSY = 17
UNALLOCATED = 1
TRANSFER = 10
CONFERENCE = 4
FORWARD = 5
PICKUP = 16
RECORDING = 27

FORWARD_ALL = 15
FORWARD_NO_ANSWER = 2
FORWARD_BUSY = 1
REASON_TRANSFER = 4
REASON_PICKUP = 5
REASON_CONFERENCE = 98
REASON_RECORDING = 354


def plain(
    ids: Ids, caller: Party, called: Party, at: int, ring_s: int, talk_s: int
) -> list[Record]:
    """Answered after `ring_s`, talked for `talk_s`."""
    answered = at + ring_s
    times = (at, answered, answered + talk_s)
    legs = (ids.leg(), ids.leg())
    return [record(ids, ids.call(), legs, caller, called, times)]


def missed(ids: Ids, caller: Party, called: Party, at: int, ring_s: int) -> list[Record]:
    """Rang, and the caller gave up."""
    legs = (ids.leg(), ids.leg())
    return [record(ids, ids.call(), legs, caller, called, (at, 0, at + ring_s))]


def busy(ids: Ids, caller: Party, called: Party, at: int) -> list[Record]:
    """The called party was busy."""
    legs = (ids.leg(), ids.leg())
    changes = {"origCause_value": 0, "destCause_value": BUSY}
    return [record(ids, ids.call(), legs, caller, called, (at, 0, at + 2), **changes)]


def unallocated(ids: Ids, caller: Party, digits: str, at: int) -> list[Record]:
    """Digits that lead nowhere."""
    nobody = Party(digits)
    changes: Record = {"origCause_value": UNALLOCATED, "destNodeId": 0, "destIpv4v6Addr": ""}
    return [record(ids, ids.call(), (ids.leg(), 0), caller, nobody, (at, 0, at + 4), **changes)]


def forward(
    ids: Ids,
    caller: Party,
    forwarder: Party,
    target: Party,
    at: int,
    ring_s: int,
    talk_s: int,
    reason: int = FORWARD_ALL,
) -> list[Record]:
    """Called `forwarder`, whose phone forwards to `target`; answered there where `talk_s` > 0."""
    connected = at + ring_s if talk_s else 0
    times = (at, connected, at + ring_s + talk_s)
    legs = (ids.leg(), ids.leg())
    changes: Record = {
        "origCalledPartyRedirectReason": reason,
        "lastRedirectRedirectReason": reason,
        "origCalledPartyRedirectOnBehalfOf": FORWARD,
        "lastRedirectRedirectOnBehalfOf": FORWARD,
        **_redirected_by(forwarder),
        **_first_dialled(forwarder),
    }
    return [record(ids, ids.call(), legs, caller, target, times, **changes)]


def transfer(
    ids: Ids,
    caller: Party,
    transferor: Party,
    target: Party,
    at: int,
    ring_s: int,
    first_s: int,
    consult_s: int,
    rest_s: int,
    *,
    blind: bool = False,
) -> list[Record]:
    """`transferor` answers, talks for `first_s`, and hands the caller over to `target`.

    With consultation, `consult_s` are talked with the target before; blind, they only pass.
    """
    call, consult = ids.call(), ids.call()
    caller_leg, own_leg, consult_leg, target_leg = (ids.leg() for _ in range(4))
    answered = at + ring_s
    consulting = answered + first_s
    handed_over = consulting + consult_s
    split: Record = {
        "origCause_value": SPLIT,
        "destCause_value": SPLIT,
        "origCallTerminationOnBehalfOf": TRANSFER,
        "destCallTerminationOnBehalfOf": TRANSFER,
    }
    legs, times = (caller_leg, own_leg), (at, answered, handed_over)
    first = record(ids, call, legs, caller, transferor, times, **split)
    consulted = 0 if blind else min(consulting + 3, handed_over)
    times = (consulting, consulted, handed_over)
    second = record(ids, consult, (consult_leg, target_leg), transferor, target, times, **split)
    times = (handed_over, handed_over, handed_over + rest_s)
    joined: Record = {
        "joinOnBehalfOf": TRANSFER,
        "lastRedirectRedirectReason": REASON_TRANSFER,
        "lastRedirectRedirectOnBehalfOf": TRANSFER,
        **_redirected_by(transferor),
    }
    third = record(ids, call, (caller_leg, target_leg), caller, target, times, **joined)
    return [first, second, third]


def transfer_by_caller(
    ids: Ids,
    caller: Party,
    called: Party,
    target: Party,
    at: int,
    ring_s: int,
    first_s: int,
    consult_s: int,
    rest_s: int,
) -> list[Record]:
    """`caller` calls `called` and hands them over to `target`; that leg stays the caller's."""
    call, consult = ids.call(), ids.call()
    own_leg, called_leg, consult_leg, target_leg = (ids.leg() for _ in range(4))
    answered = at + ring_s
    consulting = answered + first_s
    handed_over = consulting + consult_s
    split: Record = {
        "origCause_value": SPLIT,
        "destCause_value": SPLIT,
        "origCallTerminationOnBehalfOf": TRANSFER,
        "destCallTerminationOnBehalfOf": TRANSFER,
    }
    times = (at, answered, handed_over)
    first = record(ids, call, (own_leg, called_leg), caller, called, times, **split)
    times = (consulting, min(consulting + 3, handed_over), handed_over)
    second = record(ids, consult, (consult_leg, target_leg), caller, target, times, **split)
    times = (handed_over, handed_over, handed_over + rest_s)
    joined: Record = {
        "joinOnBehalfOf": TRANSFER,
        "lastRedirectRedirectReason": REASON_TRANSFER,
        "lastRedirectRedirectOnBehalfOf": TRANSFER,
        **_redirected_by(caller),
    }
    third = record(ids, call, (called_leg, target_leg), called, target, times, **joined)
    return [first, second, third]


def conference(
    ids: Ids,
    controller: Party,
    second: Party,
    third: Party,
    at: int,
    ring_s: int,
    first_s: int,
    setup_s: int,
    together_s: int,
    tail_s: int = 0,
) -> list[Record]:
    """`controller` calls `second`, then `third`, and joins both; they may talk on for `tail_s`."""
    call, setup = ids.call(), ids.call()
    own, second_leg, own_again, third_leg = (ids.leg() for _ in range(4))
    answered = at + ring_s
    asking = answered + first_s
    joined = asking + setup_s
    over = joined + together_s
    split: Record = {
        "origCause_value": SPLIT,
        "destCause_value": SPLIT,
        "origCallTerminationOnBehalfOf": CONFERENCE,
        "destCallTerminationOnBehalfOf": CONFERENCE,
    }
    times = (at, answered, joined)
    rows = [record(ids, call, (own, second_leg), controller, second, times, **split)]
    times = (asking, min(asking + 3, joined), joined)
    rows.append(record(ids, setup, (own_again, third_leg), controller, third, times, **split))
    bridge = _bridge(ids, controller)
    for leg, party in ((own, controller), (second_leg, second), (third_leg, third)):
        rows.append(
            record(
                ids, call, (leg, ids.leg()), party, bridge[0], (joined, joined, over), **bridge[1]
            )
        )
    if tail_s:
        times = (over, over, over + tail_s)
        changes = {"joinOnBehalfOf": CONFERENCE, "comment": bridge[1]["comment"]}
        rows.append(record(ids, call, (second_leg, third_leg), second, third, times, **changes))
    return rows


def _bridge(ids: Ids, controller: Party) -> tuple[Party, Record]:
    conversation = ids.conversation()
    bridge = Party(f"b00{ids.node}{conversation % 10**10:010d}", "", "CFB_LAB", usage=1)
    who = f"{controller.number};ConfControllerDeviceName={controller.device}"
    return bridge, {
        "joinOnBehalfOf": CONFERENCE,
        "destConversationId": conversation,
        "lastRedirectRedirectReason": REASON_CONFERENCE,
        "lastRedirectRedirectOnBehalfOf": CONFERENCE,
        "origCalledPartyRedirectReason": REASON_CONFERENCE,
        "origCalledPartyRedirectOnBehalfOf": CONFERENCE,
        "comment": f"ConfControllerDn={who};ConfRequestorDn={controller.number};"
        f"ConfRequestorDeviceName={controller.device}",
    }


def hunt(
    ids: Ids, caller: Party, pilot: Party, member: Party, at: int, ring_s: int, talk_s: int
) -> list[Record]:
    """Called a hunt pilot; `member` answered, or nobody where `talk_s` is 0."""
    legs = (ids.leg(), ids.leg())
    if not talk_s:
        asked = Party(pilot.number, pilot.partition, "", "", HUNT_PILOT)
        return [record(ids, ids.call(), legs, caller, asked, (at, 0, at + ring_s))]
    times = (at, at + ring_s, at + ring_s + talk_s)
    changes: Record = {
        "huntPilotDN": pilot.number,
        "huntPilotPartition": pilot.partition,
        "huntPilotPattern": pilot.number,
        "calledPartyPatternUsage": HUNT_PILOT,
        **_redirected_by(pilot),
        **_first_dialled(pilot),
    }
    return [record(ids, ids.call(), legs, caller, member, times, **changes)]


def pickup(
    ids: Ids, caller: Party, rung: Party, picker: Party, at: int, ring_s: int, talk_s: int
) -> list[Record]:
    """`rung` was called and `picker` took the call."""
    call = ids.call()
    caller_leg, rung_leg, picker_leg = ids.leg(), ids.leg(), ids.leg()
    taken = at + ring_s
    left: Record = {
        "origCause_value": SPLIT,
        "destCause_value": SPLIT,
        "origCallTerminationOnBehalfOf": PICKUP,
        "destCallTerminationOnBehalfOf": PICKUP,
    }
    legs, times = (caller_leg, rung_leg), (at, 0, taken)
    first = record(ids, call, legs, caller, rung, times, **left)
    joined: Record = {
        "joinOnBehalfOf": PICKUP,
        "lastRedirectRedirectReason": REASON_PICKUP,
        "lastRedirectRedirectOnBehalfOf": PICKUP,
        "origCalledPartyRedirectReason": REASON_PICKUP,
        "origCalledPartyRedirectOnBehalfOf": PICKUP,
        **_redirected_by(rung),
        **_first_dialled(rung),
    }
    legs, times = (caller_leg, picker_leg), (at, taken, taken + talk_s)
    return [first, record(ids, call, legs, caller, picker, times, **joined)]


def recording(ids: Ids, of: Record, recorder: Party) -> Record:
    """The row that a phone's built-in bridge leaves when it sends a call to a recorder."""
    at, until = int(of["dateTimeConnect"]), int(of["dateTimeDisconnect"])
    bridge = Party(
        f"b00{ids.node}{ids.conversation() % 10**10:010d}", "", str(of["origDeviceName"])
    )
    changes: Record = {
        "origCalledPartyRedirectReason": REASON_RECORDING,
        "lastRedirectRedirectReason": REASON_RECORDING,
        "origCalledPartyRedirectOnBehalfOf": RECORDING,
        "lastRedirectRedirectOnBehalfOf": RECORDING,
        "joinOnBehalfOf": RECORDING,
        "origConversationId": int(of["origLegCallIdentifier"]),
    }
    legs = (ids.leg(), ids.leg())
    return record(ids, ids.call(), legs, bridge, recorder, (at, at, until), **changes)


def _redirected_by(party: Party) -> Record:
    return {
        "lastRedirectDn": party.number,
        "lastRedirectDnPartition": party.partition,
        "lastRedirectingPartyPattern": party.pattern or party.number,
    }


def _first_dialled(party: Party) -> Record:
    return {
        "originalCalledPartyNumber": party.number,
        "originalCalledPartyNumberPartition": party.partition,
        "originalCalledPartyPattern": party.pattern or party.number,
    }
