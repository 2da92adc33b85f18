"""A record that names the person who answered, and no extension of theirs, is still theirs.

A hunt pilot's record may give the pilot as the number that was reached and, beside it, the user id.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fixtures_company import person_id
from scenario_tables import BEGIN, EMPTY

from storage import rater
from storage.calls import components
from storage.company_apply import apply
from storage.database import Connection, Database
from storage.wanted import Wanted, WantedPerson
from telephony.plant import Plant

PILOT = EMPTY._replace(
    pkid="6f1c2d1e-0000-4000-8000-000000000001",
    cluster="Lab",
    node=1,
    call_no=7,
    orig_leg=71,
    dest_leg=72,
    originated=BEGIN,
    connected=BEGIN + 5,
    disconnected=BEGIN + 65,
    duration_s=60,
    calling="0233344455",
    original_called="700",
    final_called="700",
    last_redirect="700",
    orig_device="TRUNK-PSTN",
    dest_device="SEP001122334455",
    hunt_pilot="700",
)


async def answered_by(database: Database, login: str) -> tuple[str | None, int | None]:
    """The extension and the person a call to the pilot counts for, that this user answered."""

    async def settle(connection: Connection) -> tuple[str | None, int | None]:
        loaded = await rater.load(connection)
        legs = [PILOT._replace(final_called_user=login)]
        [call] = [
            call
            for component in components(legs, loaded.rater.links)
            for call in loaded.rater.settle(component)
        ]
        return call.rows[0].extension, call.rows[0].person_id

    return await database.unit_of_work(settle)


@pytest.mark.parametrize("login", ["asonnino", "ASonnino"])
async def test_who_is_named_by_login_alone_is_found(
    company: Plant, database: Database, login: str
) -> None:
    asonnino = await database.unit_of_work(person_id, "asonnino")
    assert await answered_by(database, login) == ("731", asonnino)


async def test_a_login_nobody_has_leaves_the_pilot(company: Plant, database: Database) -> None:
    assert await answered_by(database, "nobody") == ("700", None)


async def test_a_login_without_an_extension_leaves_the_pilot(
    company: Plant, database: Database
) -> None:
    gone = WantedPerson("asonnino", "Andrea", "Sonnino")
    await database.unit_of_work(apply, Wanted(people=(gone,)), datetime(2026, 2, 1, tzinfo=UTC))
    assert await answered_by(database, "asonnino") == ("700", None)
