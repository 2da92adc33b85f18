"""What leaves the portal as a file is remembered, and is only text to a spreadsheet."""

from __future__ import annotations

import pytest
from fixtures_web import Browser

from storage.database import Connection, Database
from web.entry import account_key
from web.people_csv import escaped, unescaped


async def _exports(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "select action from audit where action like '%exported' order by id"
    )
    return [row["action"] for row in rows]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/admin/audit.csv", "audit_exported"),
        ("/admin/audit.csv?fragment=1", "audit_exported"),
        ("/admin/people.csv", "people_exported"),
        ("/admin/people.csv?fragment=1", "people_exported"),
    ],
)
async def test_whoever_takes_a_list_away_is_remembered(
    browser: Browser, database: Database, path: str, action: str
) -> None:
    await browser.sign_in("root")
    assert (await browser.get(path)).status_code == 200
    assert await database.unit_of_work(_exports) == [action]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\n=1", " =1", "＝1", "\u200b=1", "'=1"]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    assert escaped(cell) == f"'{cell}"
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize("name", ["ANNA", " anna ", "CORP\\anna", "\u200eanna", "an\u200dna"])
def test_tries_are_counted_for_the_account_and_not_for_its_spelling(name: str) -> None:
    assert account_key(name) == account_key("anna")
    assert account_key(name) != account_key("bea")
