"""kill -9 at random moments while 50,000 rows come in, some of them twice: the same books."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from books import state
from cdr_text import write
from crash import import_with_kills
from test_ingest import a_leg, books_of

from actors.ingest import import_files
from pbx.cucm.cdr import CucmRecords
from storage.database import Database, open_database
from storage.verify import verify
from telephony.legs import Leg

ROWS = 50_000
REDELIVERED = 2_500

pytestmark = pytest.mark.slow


def a_month(rng: random.Random, rows: int) -> list[Leg]:
    """Outgoing, incoming, internal and transferred calls of six extensions, in order of time."""
    legs: list[Leg] = []
    extensions = ["731", "732", "733", "741", "751", "799"]
    number = 0
    while len(legs) < rows:
        number += 1
        caller, called = rng.sample(extensions, 2)
        leg = a_leg(number, calling=caller, duration_s=rng.randint(1, 600))
        kind = rng.random()
        if kind < 0.3:
            leg = leg._replace(calling="0584123456", final_called=called, original_called=called)
            leg = leg._replace(orig_device="TRUNK-PSTN", dest_device=f"SEP{called:0>12}")
        elif kind < 0.5:
            leg = leg._replace(final_called=called, original_called=called)
            leg = leg._replace(dest_device=f"SEP{called:0>12}")
        legs.append(leg)
        if kind > 0.9:
            legs.append(_continued(leg, number))
    return legs[:rows]


def _continued(leg: Leg, number: int) -> Leg:
    """The row that follows when the caller transfers the outside party to a colleague."""
    return leg._replace(
        pkid=f"11111111-0000-4000-8000-{number:012d}",
        orig_leg=leg.dest_leg,
        dest_leg=900_000_000 + number,
        originated=leg.disconnected,
        connected=leg.disconnected,
        disconnected=leg.disconnected + 40,
        duration_s=40,
        calling="0266771234",
        final_called="741",
        orig_device="TRUNK-PSTN",
        dest_device="SEP000000000741",
        join_by=10,
    )


def files_of(folder: Path, legs: list[Leg], rng: random.Random, redelivered: int) -> None:
    """Twenty-five files; rows of earlier ones come again in later ones."""
    folder.mkdir()
    size = len(legs) // 25
    for sequence in range(25):
        part = legs[sequence * size : (sequence + 1) * size]
        if sequence:
            part += rng.sample(legs[: sequence * size], redelivered // 24)
        rng.shuffle(part)
        write(folder, part, sequence=sequence + 1)


@pytest.fixture
def torn_dsn(postgres: Any) -> Iterator[str]:
    """A second database like the first."""
    name = f"torn_{os.getpid()}"
    try:
        yield postgres.create(name)
    finally:
        postgres.drop(name)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def _clean_run(database: Database, folder: Path) -> dict[str, Any]:
    _, refused = await import_files(database, CucmRecords(), _files(folder))
    assert not refused
    return await state(database)


async def _torn_run(
    database: Database, dsn: str, folder: Path, kills: int, seed: int, *, careless: bool = False
) -> dict[str, Any]:
    rng = random.Random(seed)
    killed = await trio.to_thread.run_sync(
        lambda: import_with_kills(dsn, folder, kills, rng, careless=careless)
    )
    assert killed.kills >= kills
    return await state(database)


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.torture)])
async def test_killed_imports_end_in_the_same_books(
    database: Database,
    torn_dsn: str,
    tmp_path: Path,
    kills: int,
) -> None:
    rng = random.Random(kills)
    files_of(tmp_path / "files", a_month(rng, ROWS), rng, REDELIVERED)
    await books_of(database)
    wanted = await _clean_run(database, tmp_path / "files")
    async with open_database(torn_dsn, max_size=2) as torn:
        await books_of(torn)
        got = await _torn_run(torn, torn_dsn, tmp_path / "files", kills, kills)
        assert got == wanted
        assert wanted["legs"][1] == ROWS
        assert not (await torn.unit_of_work(verify)).differences


async def test_the_same_kills_spoil_the_books_of_a_careless_intake(
    database: Database, torn_dsn: str, tmp_path: Path
) -> None:
    """Without the keys and the single transaction the very same test fails, as it must."""
    rng = random.Random(3)
    files_of(tmp_path / "files", a_month(rng, 10_000), rng, 500)
    await books_of(database)
    wanted = await _clean_run(database, tmp_path / "files")
    async with open_database(torn_dsn, max_size=2) as torn:
        await books_of(torn)
        got = await _torn_run(torn, torn_dsn, tmp_path / "files", 6, 3, careless=True)
        assert got["legs"][1] != wanted["legs"][1]
        assert got["charges"] != wanted["charges"]
