"""An actor's bounded mailbox and the two sorts of message in it.

A *hint* says "look again": it is dropped where it would not fit or where the same hint is already
waiting, since whoever reads that one reads the newer row. A *command* is answered, or its sender
learns that it was not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from telephony.errors import RingfenceError

CAPACITY = 16


class ActorError(RingfenceError):
    """An actor could not take or finish a command."""


class ActorBusy(ActorError):
    """Its mailbox stayed full: try again later."""


class ActorDied(ActorError):
    """It failed, or was stopped, before it came to this command."""


@dataclass(slots=True, eq=False)
class Reply:
    """The place where the answer to one command arrives, once."""

    _done: trio.Event = field(default_factory=trio.Event)
    _answer: object = None
    _error: Exception | None = None
    abandoned: bool = False

    def answer(self, value: object) -> None:
        """Give the answer."""
        self._answer = value
        self._done.set()

    def fail(self, error: Exception) -> None:
        """Give an error instead of the answer; the second outcome of one command is ignored."""
        if not self._done.is_set():
            self._error = error
            self._done.set()

    async def wait(self) -> object:
        """The answer; raises the error instead. An asker who gives up marks the reply abandoned."""
        try:
            await self._done.wait()
        except trio.Cancelled:
            self.abandoned = True
            raise
        if self._error is not None:
            raise self._error
        return self._answer


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """A message on its way; `reply` is None for a hint."""

    message: object
    reply: Reply | None


class Mailbox:
    """Bounded; many may put, one task takes."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._send, self._receive = trio.open_memory_channel[Envelope](capacity)
        self._waiting_hints: set[object] = set()
        self.dropped = 0

    def hint(self, message: object) -> bool:
        """Leave a hint; whether it, or one like it, is waiting now. Never blocks."""
        if message in self._waiting_hints:
            return True
        try:
            self._send.send_nowait(Envelope(message, None))
        except (trio.WouldBlock, trio.ClosedResourceError):
            self.dropped += 1
            return False
        self._waiting_hints.add(message)
        return True

    async def ask(self, message: object, timeout_s: float) -> object:
        """Put a command and wait for its answer.

        Raises `ActorBusy` where it found no room in time, `trio.TooSlowError` where it was not
        answered in time, or what the actor raised. A command whose sender has given up before the
        actor came to it is not carried out.
        """
        reply = Reply()
        deadline = trio.current_time() + timeout_s
        try:
            with trio.fail_at(deadline):
                await self._send.send(Envelope(message, reply))
        except (trio.TooSlowError, trio.ClosedResourceError) as error:
            raise ActorBusy("too much is waiting for this; try again in a moment") from error
        with trio.fail_at(deadline):
            return await reply.wait()

    async def take(self) -> Envelope:
        """The next message. Raises `trio.EndOfChannel` once closed and empty."""
        envelope = await self._receive.receive()
        if envelope.reply is None:
            self._waiting_hints.discard(envelope.message)
        return envelope

    @property
    def empty(self) -> bool:
        """Whether nothing waits and nobody waits to put something."""
        statistics = self._send.statistics()
        return statistics.current_buffer_used == 0 and statistics.tasks_waiting_send == 0

    def close(self) -> None:
        """Take no more; what is inside can still be taken."""
        self._send.close()

    def fail_unread(self, error: Exception) -> None:
        """Throw everything unread away; whoever waits for an answer gets `error`."""
        while True:
            try:
                envelope = self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                self._waiting_hints.clear()
                return
            if envelope.reply is not None:
                envelope.reply.fail(error)
