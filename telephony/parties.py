"""Who took part in a call, and who pays for it, read from its legs.

The codes are those of the *OnBehalfOf* and *redirect reason* tables of Cisco's CDR Administration
Guide. Whoever brought a trunk leg about pays for it: who called, forwarded, transferred, or
controls the conference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from telephony.calls import Direction, Party
from telephony.legs import Leg
from telephony.plant import ExtensionKey, Plant

BY_CONFERENCE, BY_MOBILITY = 4, 24
BY_FORWARD = frozenset({5, 14, 19})
"""Call Forward, Immediate Divert, Redirection."""
FORWARD_REASONS = frozenset({1, 2, 10, 15, 18, 50, 66, 82, 162, 178})

_BRIDGE = re.compile(r"^b00\d*$", re.ASCII | re.IGNORECASE)
_PHONE = re.compile(r"^(SEP|CSF|TCT|BOT|TAB|ATA|AN|AALN|VG|CTI|RDP|IPC|UDP)", re.IGNORECASE)
"""How Cisco UCM names phones, softphones, analogue ports, CTI ports and profiles."""
_CONTROLLER = re.compile(r"(?:^|;)\s*ConfControllerDn=([^;]+)")


def is_bridge(number: str) -> bool:
    """Whether this party is a conference bridge or a recorder's media leg (`b00…`)."""
    return number[:1] in "bB" and bool(_BRIDGE.match(number))


def payer_of(group: Sequence[Leg], plant: Plant) -> ExtensionKey | None:
    """Who pays for an outgoing trunk leg: whoever brought it about."""
    first = group[0]
    if is_bridge(first.calling) or first.join_by == BY_CONFERENCE:
        controller = _CONTROLLER.search(first.comment)
        if controller:
            return ExtensionKey(controller.group(1).strip())
    external = plant.is_public(first.orig_device)
    if _mobility(first):
        owner = _redirecting(first, plant, ExtensionKey(first.final_called), known_only=True)
        if owner is not None:
            return owner
    forwarded = (
        first.last_redirect_by in BY_FORWARD or first.last_redirect_reason in FORWARD_REASONS
    )
    if forwarded or external:
        found = _redirecting(first, plant, known_only=not forwarded)
        if found is not None:
            return found
    if external or not first.calling or is_bridge(first.calling):
        return None
    return caller_key(first)


def _mobility(leg: Leg) -> bool:
    """Whether the trunk leg rings somebody's mobile phone beside the desk phone."""
    return bool(leg.mobile_called) or BY_MOBILITY in (leg.last_redirect_by, leg.join_by)


def _redirecting(
    leg: Leg, plant: Plant, *more: ExtensionKey, known_only: bool
) -> ExtensionKey | None:
    """The extension that sent a call on: the last to redirect, else the one first called."""
    candidates = [
        *more,
        ExtensionKey(leg.last_redirect, leg.last_redirect_partition),
        ExtensionKey(leg.original_called, leg.original_called_partition),
    ]
    candidates = [key for key in candidates if key.number and not is_bridge(key.number)]
    known = [key for key in candidates if plant.is_extension(key.number)]
    if known:
        return known[0]
    unknown = [key for key in candidates if key.number != leg.final_called]
    return None if known_only or not unknown else unknown[0]


def dialled_outside(leg: Leg) -> tuple[str, bool]:
    """The digits of a call going out, and whether they are those that the trunk sent."""
    if leg.outpulsed_called and leg.outpulsed_called != leg.final_called:
        return leg.outpulsed_called, True
    if leg.mobile_called:
        return leg.mobile_called, True
    return final_number(leg), False


def parties_of(
    direction: Direction, talked: Sequence[Leg], rung: Sequence[Leg], plant: Plant
) -> list[Party]:
    """Who called, where that was one of us, and who answered, or was rung when nobody did."""
    first = talked[0]
    parties: list[Party] = []
    if direction != "incoming" and first.calling and not is_bridge(first.calling):
        caller = caller_key(first)
        share_s = sum([leg.duration_s for leg in talked if leg.calling == first.calling])
        parties.append(Party(caller, final_number(rung[0]), share_s, first_connected(talked) > 0))
    for key, share_s, answered in _shares([(leg, _called(leg, plant)) for leg in rung]):
        if not parties or key.number != first.calling:
            parties.append(Party(key, calling_number(first), share_s, answered))
    return parties


def people_of(group: Sequence[Leg], plant: Plant) -> list[tuple[ExtensionKey, int, bool]]:
    """The extensions that talked in these legs, in order of appearance, with their seconds."""
    return _shares(
        [(leg, key) for leg in group for key in (_from(leg, plant), _called(leg, plant))]
    )


def _shares(
    ends: Iterable[tuple[Leg, ExtensionKey | None]],
) -> list[tuple[ExtensionKey, int, bool]]:
    shares: dict[str, tuple[ExtensionKey, int, bool]] = {}
    for leg, key in ends:
        if key is not None:
            _, seconds, answered = shares.get(key.number, (key, 0, False))
            shares[key.number] = (key, seconds + leg.duration_s, answered or leg.connected > 0)
    return list(shares.values())


def _from(leg: Leg, plant: Plant) -> ExtensionKey | None:
    """The extension that called, or None where it was none of ours."""
    if not leg.calling or plant.is_public(leg.orig_device) or is_bridge(leg.calling):
        return None
    return caller_key(leg)


def _called(leg: Leg, plant: Plant) -> ExtensionKey | None:
    """The extension that was reached or rung, or None where it was none of ours."""
    if plant.is_public(leg.dest_device) or is_bridge(leg.final_called):
        return None
    if leg.final_called and (
        is_inside(leg.dest_device, plant) or plant.is_extension(leg.final_called)
    ):
        if leg.final_called == leg.hunt_pilot and leg.final_called_user:
            member = plant.extension_of_login(leg.final_called_user)
            if member is not None:
                return member
        return ExtensionKey(leg.final_called, leg.final_called_partition)
    if leg.original_called and plant.is_extension(leg.original_called):
        return ExtensionKey(leg.original_called, leg.original_called_partition)
    return None


def caller_key(leg: Leg) -> ExtensionKey:
    """The calling number as an extension."""
    return ExtensionKey(leg.calling, leg.calling_partition)


def is_inside(device: str, plant: Plant) -> bool:
    """Whether this is a phone of the company's own, and no trunk of any kind."""
    return plant.gateway(device) is None and _is_phone_name(device)


def final_number(leg: Leg) -> str:
    """The number finally presented, or its URI where there was no number."""
    return leg.final_called or leg.called_uri or leg.original_called


def calling_number(leg: Leg) -> str:
    """The number that called, or its URI where there was no number."""
    return leg.calling or leg.calling_uri


def is_unknown_trunk(device: str, plant: Plant) -> bool:
    """Whether this is neither a phone by its name nor a gateway that anybody described."""
    return bool(device) and plant.gateway(device) is None and not _is_phone_name(device)


@lru_cache(maxsize=1 << 16)
def _is_phone_name(device: str) -> bool:
    return bool(_PHONE.match(device))


def is_outside_number(number: str, caller: Leg, plant: Plant) -> bool:
    """Whether these are digits for the public network, as far as the dial plan can tell."""
    if plant.is_extension(number) or is_bridge(number):
        return False
    site = plant.site_of_caller(caller.calling, caller.calling_partition)
    prefix = site.outside_prefix if site else ""
    digits = number.removeprefix("+")
    return digits.isdecimal() and (
        (number[:1] == "+" and len(digits) > 6)
        or bool(prefix and number.startswith(prefix) and len(number) > len(prefix) + 3)
    )


def first_connected(group: Iterable[Leg]) -> int:
    """When somebody first answered, epoch seconds; 0 where nobody did."""
    return min([leg.connected for leg in group if leg.connected], default=0)
