"""Hears what any process has committed and passes it on: to the bus, and to the actor it concerns.

What is said while nobody listens is lost; whenever listening begins, everything is looked at.
"""

from __future__ import annotations

from functools import partial

from actors.bus import RESYNC, Bus
from actors.messages import LookAgain
from actors.registry import Registry
from storage.database import Database
from telephony.plant import ExtensionKey


async def listen(
    database: Database, bus: Bus, locks: Registry[ExtensionKey], budgets: Registry[int]
) -> None:
    """Listen until cancelled. Raises `StorageUnavailable` where the connection breaks."""

    def resync() -> None:
        bus.publish(*RESYNC)

    await database.listen(partial(_heard, bus, locks, budgets), resync, began=resync)


def _heard(bus: Bus, locks: Registry[ExtensionKey], budgets: Registry[int], payload: str) -> None:
    topic, _, key = payload.partition(" ")
    if topic == "account" and key.isdigit():
        budgets.hint(int(key), LookAgain())
    elif topic == "line" and key:
        locks.hint(ExtensionKey.parse(key), LookAgain())
    bus.publish(topic, key)
