"""What a mailbox promises to those who put and to the one who takes."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.bus import BACKLOG, RESYNC, Bus, Change
from actors.mailbox import ActorBusy, ActorDied, Mailbox


async def test_a_hint_that_waits_already_is_not_put_twice(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(4)
    assert mailbox.hint("look")
    assert mailbox.hint("look")
    assert (await mailbox.take()).message == "look"
    assert mailbox.empty
    assert mailbox.hint("look")
    assert not mailbox.empty


async def test_a_hint_is_dropped_and_counted_when_the_mailbox_is_full(
    autojump_clock: MockClock,
) -> None:
    mailbox = Mailbox(2)
    assert mailbox.hint(1)
    assert mailbox.hint(2)
    assert not mailbox.hint(3)
    assert mailbox.dropped == 1


async def test_a_command_is_answered(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    mailbox = Mailbox()

    async def serve() -> None:
        envelope = await mailbox.take()
        envelope.reply.answer(envelope.message * 2)

    nursery.start_soon(serve)
    assert await mailbox.ask(21, 5) == 42


async def test_a_command_that_finds_no_room_is_busy(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(1)
    mailbox.hint("in the way")
    with pytest.raises(ActorBusy):
        await mailbox.ask("question", 5)
    assert trio.current_time() >= 5


async def test_a_command_nobody_answers_times_out_and_is_abandoned(
    autojump_clock: MockClock,
) -> None:
    mailbox = Mailbox()
    with pytest.raises(trio.TooSlowError):
        await mailbox.ask("question", 5)
    assert (await mailbox.take()).reply.abandoned


async def test_unread_commands_get_the_error_when_everything_is_thrown_away(
    autojump_clock: MockClock,
) -> None:
    mailbox = Mailbox()
    errors = []

    async def ask() -> None:
        try:
            await mailbox.ask("question", 5)
        except ActorDied as error:
            errors.append(str(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        mailbox.fail_unread(ActorDied("gone"))
    assert errors == ["gone"]
    assert trio.current_time() < 5


async def test_a_closed_mailbox_takes_nothing_and_gives_what_it_has(
    autojump_clock: MockClock,
) -> None:
    mailbox = Mailbox()
    mailbox.hint("last")
    mailbox.close()
    assert not mailbox.hint("later")
    with pytest.raises(ActorBusy):
        await mailbox.ask("later", 5)
    assert (await mailbox.take()).message == "last"
    with pytest.raises(trio.EndOfChannel):
        await mailbox.take()


# The bus ------------------------------------------------------------------------------------------


async def test_watchers_get_what_they_want_once_and_in_order(autojump_clock: MockClock) -> None:
    bus = Bus()
    async with bus.subscribe(lambda change: change.topic == "line") as changes:
        for key in ("731", "732", "731"):
            bus.publish("line", key)
        bus.publish("account", "1")
        assert await anext(changes) == Change("line", "731")
        assert await anext(changes) == Change("line", "732")
        with trio.move_on_after(1) as scope:
            await anext(changes)
        assert scope.cancelled_caught
    assert bus.watchers == 0


async def test_a_watcher_that_falls_behind_is_told_to_look_at_everything(
    autojump_clock: MockClock,
) -> None:
    bus = Bus()
    async with bus.subscribe(lambda _: True) as changes:
        for key in range(BACKLOG + 5):
            bus.publish("account", str(key))
        assert await anext(changes) == RESYNC
        bus.publish("account", "1")
        assert await anext(changes) == Change("account", "1")


async def test_resync_comes_through_whatever_is_wanted(autojump_clock: MockClock) -> None:
    bus = Bus()
    async with bus.subscribe(lambda _: False) as changes:
        bus.publish("resync", "")
        assert await anext(changes) == RESYNC
