"""One actor per key, made on the first message, gone when idle, never two at once."""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.mailbox import ActorBusy, ActorDied
from actors.registry import QUARANTINE_S, Registry


class Recorder:
    """An actor that writes down what happens to it."""

    def __init__(self, key: Any, log: list[Any]) -> None:
        self.key = key
        self.log = log
        log.append(("made", key))

    async def handle(self, message: Any) -> str:
        self.log.append((self.key, message))
        if message == "fail":
            raise LookupError(f"{self.key} failed")
        if isinstance(message, float):
            await trio.sleep(message)
        else:
            await trio.lowlevel.checkpoint()
        return f"{message}!"


@pytest.fixture
def log() -> Any:
    return []


@pytest.fixture
def alarms() -> Any:
    return []


@pytest.fixture
def registry(nursery: trio.Nursery, log: list[Any], alarms: list[Any]) -> Any:
    async def alarm(name: Any, key: Any, error: Exception) -> None:
        await trio.lowlevel.checkpoint()
        alarms.append((name, key, str(error)))

    return Registry(
        "test", nursery, lambda key: Recorder(key, log), jitter=lambda s: s, quarantined=alarm
    )


async def test_an_actor_is_made_on_its_first_message_and_leaves_after_a_minute(
    autojump_clock: MockClock, registry: Registry[str], log: list[Any]
) -> None:
    assert registry.live == 0
    assert registry.hint("a", "look")
    assert registry.live == 1
    await trio.sleep(59)
    assert registry.live == 1
    await trio.sleep(2)
    assert registry.live == 0
    assert await registry.ask("a", "hello") == "hello!"
    assert log == [("made", "a"), ("a", "look"), ("made", "a"), ("a", "hello")]


async def test_an_error_goes_to_the_asker_and_the_actor_lives(
    autojump_clock: MockClock, registry: Registry[str], log: list[Any]
) -> None:
    with pytest.raises(LookupError, match="a failed"):
        await registry.ask("a", "fail")
    assert await registry.ask("a", "hello") == "hello!"
    assert log.count(("made", "a")) == 1


async def test_an_error_in_a_hint_makes_a_new_actor_after_half_a_second(
    autojump_clock: MockClock, registry: Registry[str], log: list[Any]
) -> None:
    registry.hint("a", "fail")
    await wait_all_tasks_blocked()
    assert await registry.ask("a", "hello") == "hello!"
    assert trio.current_time() == pytest.approx(0.5)
    assert log.count(("made", "a")) == 2


async def test_unread_commands_of_an_actor_that_fails_get_an_error(
    autojump_clock: MockClock, registry: Registry[str]
) -> None:
    async def slow_then_fail() -> None:
        registry.hint("a", 1.0)
        registry.hint("a", "fail")
        with pytest.raises(ActorDied):
            await registry.ask("a", "hello")

    await slow_then_fail()
    assert trio.current_time() == pytest.approx(1.0)


async def test_a_key_that_keeps_failing_is_quarantined_and_the_others_live(
    autojump_clock: MockClock, registry: Registry[str], alarms: list[Any]
) -> None:
    for _ in range(6):
        registry.hint("a", "fail")
        await trio.sleep(20)
    assert [(name, key) for name, key, _ in alarms] == [("test", "a")]
    assert registry.quarantined_keys == ("a",)
    assert not registry.hint("a", "look")
    with pytest.raises(ActorDied):
        await registry.ask("a", "hello")
    assert await registry.ask("b", "hello") == "hello!"
    await trio.sleep(QUARANTINE_S)
    assert await registry.ask("a", "hello") == "hello!"


async def test_a_command_whose_asker_gave_up_is_not_carried_out(
    autojump_clock: MockClock, registry: Registry[str], log: list[Any]
) -> None:
    registry.hint("a", 10.0)
    with pytest.raises(trio.TooSlowError):
        await registry.ask("a", "too late", timeout_s=5)
    await trio.sleep(10)
    assert ("a", "too late") not in log


async def test_draining_finishes_what_waits_and_takes_no_more(
    autojump_clock: MockClock, registry: Registry[str], log: list[Any]
) -> None:
    registry.hint("a", 1.0)
    registry.hint("a", "last")
    await wait_all_tasks_blocked()
    await registry.drain(5)
    assert ("a", "last") in log
    assert registry.live == 0
    assert not registry.hint("a", "later")
    with pytest.raises(ActorBusy):
        await registry.ask("a", "later")


async def test_never_two_actors_for_one_key_and_nothing_lost(autojump_clock: MockClock) -> None:
    """Messages at every moment of an actor's idle time-out, so that many meet its leaving."""
    chance = random.Random(7)
    live, handled, most = {}, [], 0

    class Lone:
        def __init__(self, key: Any) -> None:
            self.key = key

        async def handle(self, message: Any) -> None:
            nonlocal most
            live[self.key] = live.get(self.key, 0) + 1
            most = max(most, live[self.key])
            await trio.lowlevel.checkpoint()
            live[self.key] -= 1
            handled.append(message)

    async with trio.open_nursery() as nursery:
        registry = Registry("lone", nursery, Lone, idle_s=1.0, jitter=lambda s: s)

        async def ask(number: Any) -> None:
            await trio.sleep(chance.choice([0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0]) * (number % 50))
            await registry.ask(number % 40, number, timeout_s=60)

        async with trio.open_nursery() as askers:
            for number in range(3000):
                askers.start_soon(ask, number)
        nursery.cancel_scope.cancel()
    assert sorted(handled) == list(range(3000))
    assert most == 1
    assert registry.spawned > 40
