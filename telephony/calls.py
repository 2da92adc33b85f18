"""A call: what the legs of one conversation come to, before anybody asks what it costs."""

from __future__ import annotations

from typing import Literal, NamedTuple

from telephony.legs import Leg
from telephony.plant import ExtensionKey, Gateway

Direction = Literal["incoming", "outgoing", "internal"]


class Party(NamedTuple):
    """One extension's share of a call. `number` is the other side, as the record gives it."""

    extension: ExtensionKey | None
    number: str
    duration_s: int
    answered: bool


class MergedCall(NamedTuple):
    """The legs of one call, in order of time, and what they mean together.

    `key` is the pkid of the leg that made the call, so it depends on the legs alone and not on
    the order in which they came. `parties` has the one that totals count first. `payer` is set
    where a public-network leg was used. `dialled` is what was dialled outside; `outpulsed` tells
    that these are the digits the trunk sent, with the outside prefix already gone. Instants are
    epoch seconds, UTC; `connected` 0 means never answered.
    """

    key: str
    legs: tuple[Leg, ...]
    direction: Direction
    gateway: Gateway | None
    payer: ExtensionKey | None
    dialled: str
    outpulsed: bool
    parties: tuple[Party, ...]
    originated: int
    connected: int
    disconnected: int
    duration_s: int
    ring_s: int
    hunt_pilot: str
    queued_s: int
    cause: int

    @property
    def answered(self) -> bool:
        """Whether anybody answered: connected, be it for less than a second."""
        return self.connected > 0
