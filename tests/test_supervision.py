"""When a failed task is started again, and when it is not."""

from __future__ import annotations

from typing import Never

import pytest
import trio
from trio.testing import MockClock

from actors.supervision import GaveUp, backoff_s, spread, supervise
from storage.database import StorageUnavailable


def test_backoff_doubles_up_to_a_minute() -> None:
    assert [backoff_s(n) for n in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert all(0.75 <= spread(1.0) <= 1.0 for _ in range(50))


async def test_restart_times_are_exact(autojump_clock: MockClock) -> None:
    started = []

    async def fail_three_times() -> None:
        await trio.lowlevel.checkpoint()
        started.append(trio.current_time())
        if len(started) < 4:
            raise ValueError("not yet")

    await supervise("task", fail_three_times, jitter=lambda s: s)
    assert started == [0.0, 0.5, 1.5, 3.5]


async def test_more_than_five_failures_in_ten_minutes_are_too_many(
    autojump_clock: MockClock,
) -> None:
    failures = []

    async def fail() -> Never:
        await trio.lowlevel.checkpoint()
        raise ValueError("broken")

    with pytest.raises(GaveUp) as caught:
        await supervise("task", fail, jitter=lambda s: s, failed=failures.append)
    assert len(failures) == 6
    assert isinstance(caught.value.__cause__, ValueError)


async def test_five_failures_in_ten_minutes_again_and_again_are_borne(
    autojump_clock: MockClock,
) -> None:
    count = 0

    async def fail_now_and_then() -> None:
        nonlocal count
        count += 1
        if count == 20:
            return
        await trio.sleep(130)
        raise ValueError("now and then")

    await supervise("task", fail_now_and_then, jitter=lambda s: s)
    assert count == 20


async def test_a_database_that_is_away_is_waited_for(autojump_clock: MockClock) -> None:
    count = 0

    async def wait_for_database() -> None:
        nonlocal count
        await trio.lowlevel.checkpoint()
        count += 1
        if count < 30:
            raise StorageUnavailable("away")

    await supervise("task", wait_for_database, jitter=lambda s: s)
    assert count == 30


async def test_a_group_of_plain_errors_is_a_failure_like_any(autojump_clock: MockClock) -> None:
    count = 0

    async def fail_in_a_group() -> None:
        nonlocal count
        await trio.lowlevel.checkpoint()
        count += 1
        if count == 1:
            raise ExceptionGroup("two", [ValueError(), LookupError()])

    await supervise("task", fail_in_a_group, jitter=lambda s: s)
    assert count == 2


async def test_cancellation_passes_through_also_out_of_a_group(autojump_clock: MockClock) -> None:
    async def fail_when_cancelled() -> Never:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("while leaving")

    async def run_group() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_when_cancelled)

    with pytest.RaisesGroup(ValueError, flatten_subgroups=True), trio.move_on_after(1) as scope:
        await supervise("task", run_group, jitter=lambda s: s)
    assert trio.current_time() == 1.0
    assert scope.cancel_called
