"""Finds the one actor of a key, makes it on its first message, and lets it go when it is idle.

Never two actors for one key: an idle actor leaves the registry in the same step in which it sees
that nothing waits, with no await in between, so a message either reaches it or makes a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, Protocol, TypeVar

import trio

from actors.mailbox import ActorBusy, ActorDied, Envelope, Mailbox
from actors.supervision import GaveUp, Jitter, spread, supervise
from telephony.trail import follow

IDLE_S = 60.0
QUARANTINE_S = 3600.0
"""How long a key that failed too often is left alone before it may try again."""

_log = logging.getLogger("ringfence.actors")


class Actor(Protocol):
    """What serves one key. Its state comes from a row, so a new one knows as much as the last."""

    async def handle(self, message: object) -> object:
        """Do what the message asks. What is returned or raised goes to the asker, if there is one.

        An exception while handling a hint ends this actor; supervision makes a new one.
        """
        ...


K = TypeVar("K", bound=Hashable)

Quarantined = Callable[[str, str, Exception], Awaitable[None]]
"""Told the registry's name, the key as text and the failure: raises the alarm."""


async def _no_alarm(_registry: str, _key: str, _error: Exception) -> None:
    await trio.lowlevel.checkpoint()


class Registry(Generic[K]):
    """The actors of one kind, by key. Lives inside the nursery it is given."""

    def __init__(
        self,
        name: str,
        nursery: trio.Nursery,
        make: Callable[[K], Actor],
        *,
        idle_s: float = IDLE_S,
        jitter: Jitter = spread,
        quarantined: Quarantined = _no_alarm,
    ) -> None:
        self.name = name
        self._nursery = nursery
        self._make = make
        self._idle_s = idle_s
        self._jitter = jitter
        self._quarantined = quarantined
        self._mailboxes: dict[K, Mailbox] = {}
        self._quarantine: dict[K, float] = {}
        self._closed = False
        self._left = trio.Event()
        self.dropped = 0
        self.spawned = 0

    def hint(self, key: K, message: object) -> bool:
        """Leave a hint for the key's actor; whether it will be read. Never blocks."""
        try:
            mailbox = self._mailbox(key)
        except (ActorBusy, ActorDied):
            accepted = False
        else:
            accepted = mailbox.hint(message)
        self.dropped += not accepted
        return accepted

    async def ask(self, key: K, message: object, timeout_s: float = 5.0) -> object:
        """Have the key's actor carry out a command and give its answer.

        Raises `ActorBusy` (mailbox full, or shutting down), `ActorDied` (failed meanwhile, or
        quarantined), `trio.TooSlowError`, or what the actor raised. If cancelled before the actor
        has begun, the command is not carried out; afterwards it is.
        """
        return await self._mailbox(key).ask(message, timeout_s)

    @property
    def live(self) -> int:
        """How many actors exist at this moment."""
        return len(self._mailboxes)

    @property
    def quarantined_keys(self) -> tuple[K, ...]:
        """Keys that failed too often and are left alone for now."""
        now = trio.current_time()
        return tuple(key for key, until in self._quarantine.items() if until > now)

    async def drain(self, deadline_s: float) -> None:
        """Take no more messages and let every actor finish what waits, for at most `deadline_s`."""
        self._closed = True
        for mailbox in self._mailboxes.values():
            mailbox.close()
        with trio.move_on_after(deadline_s):
            while self._mailboxes:
                self._left = trio.Event()
                await self._left.wait()

    def _mailbox(self, key: K) -> Mailbox:
        if self._closed:
            raise ActorBusy("shutting down")
        if self._quarantine.get(key, 0.0) > trio.current_time():
            raise ActorDied(f"{self.name} {key} failed too often and is left alone for a while")
        mailbox = self._mailboxes.get(key)
        if mailbox is None:
            mailbox = self._mailboxes[key] = Mailbox()
            self.spawned += 1
            self._nursery.start_soon(self._live, key, mailbox)
        return mailbox

    async def _live(self, key: K, mailbox: Mailbox) -> None:
        name = f"{self.name} {key}"
        follow(actor=name)
        died = ActorDied(f"{name} failed before it came to this; try again")
        try:
            await supervise(
                name,
                partial(self._serve, key, mailbox),
                jitter=self._jitter,
                failed=lambda _error: mailbox.fail_unread(died),
            )
        except GaveUp as error:
            self._quarantine[key] = trio.current_time() + QUARANTINE_S
            _log.exception("actor quarantined", extra={"actor": name})
            self._forget(key, mailbox)
            await self._alarm(key, error)
        finally:
            self._forget(key, mailbox)

    async def _alarm(self, key: K, error: Exception) -> None:
        try:
            await self._quarantined(self.name, str(key), error)
        except Exception:  # noqa: BLE001 - an alarm that cannot be stored must not end the daemon
            _log.exception("alarm not raised", extra={"actor": f"{self.name} {key}"})

    def _forget(self, key: K, mailbox: Mailbox) -> None:
        if self._mailboxes.get(key) is mailbox:
            del self._mailboxes[key]
            self._left.set()
        mailbox.close()
        mailbox.fail_unread(ActorDied(f"{self.name} {key} was stopped"))

    async def _serve(self, key: K, mailbox: Mailbox) -> None:
        actor = self._make(key)
        while True:
            envelope: Envelope | None = None
            with trio.move_on_after(self._idle_s):
                try:
                    envelope = await mailbox.take()
                except trio.EndOfChannel:
                    return
            if envelope is not None:
                await _deliver(actor, envelope)
            elif mailbox.empty:
                self._forget(key, mailbox)
                return


async def _deliver(actor: Actor, envelope: Envelope) -> None:
    reply = envelope.reply
    if reply is None:
        await actor.handle(envelope.message)
        return
    if reply.abandoned:
        return
    try:
        reply.answer(await actor.handle(envelope.message))
    except Exception as error:  # noqa: BLE001 - it is the asker's, and the actor lives
        reply.fail(error)
    except BaseException:
        reply.fail(ActorDied("stopped meanwhile; look before trying again"))
        raise
