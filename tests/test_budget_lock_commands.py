"""`ringfence budget`, `lock`, `unlock` and `status`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import trio
from fixtures_company import COMPANY, FOUNDED_AT
from running_daemon import ringfence

from storage.company_apply import apply
from storage.database import open_database

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def typed(dsn: str, tmp_path: Path) -> Any:
    """Runs a command against a database with the small company in it."""

    async def found() -> None:
        async with open_database(dsn, max_size=1) as database:
            await database.unit_of_work(apply, COMPANY, FOUNDED_AT)

    trio.run(found)

    def run(*arguments: Any) -> Any:
        return ringfence(
            *arguments, "--data", tmp_path, cwd=tmp_path, RINGFENCE_DATABASE_DSN=dsn
        )  # fmt: skip

    return run


def test_budgets_are_set_and_listed(typed: Run) -> None:
    assert json.loads(typed("budget", "list", "--json").stdout) == []
    done = typed("budget", "set", "--person", "asonnino", "--amount", "100.00", "--warn-at", "80")
    assert (done.returncode, done.stdout) == (0, "monthly budget of asonnino: created\n")
    again = typed("budget", "set", "--person", "asonnino", "--amount", "100", "--warn-at", "80")
    assert again.stdout == "monthly budget of asonnino: nothing to change\n"
    typed("budget", "set", "--department", "Sales", "--amount", "5", "--period", "weekly", "--each")
    rows = json.loads(typed("budget", "list", "--json").stdout)
    assert {row["owner"] for row in rows} == {"asonnino", "bkowalska", "cmoreau"}
    mine = next(row for row in rows if row["period"] == "monthly")
    assert (mine["amount"], mine["spent"], mine["remaining"]) == (
        "100.000000",
        "0.000000",
        "100.000000",
    )
    assert mine["until"].endswith("Z")
    assert "asonnino" in typed("budget", "list").stdout


def test_a_term_that_is_not_given_stays(typed: Run) -> None:
    mine = ("budget", "set", "--person", "asonnino")
    typed(*mine, "--amount", "100", "--warn-at", "80", "--carry-over", "--no-lock")
    raised = typed(*mine, "--amount", "150")
    assert raised.stdout == "monthly budget of asonnino: amount 100.000000 -> 150\n"
    changed = typed(*mine, "--amount", "150", "--no-carry-over", "--no-warn", "--lock")
    assert changed.stdout == (
        "monthly budget of asonnino: carry_over True -> False, warn_at_percent [80] -> [], "
        "locks False -> True\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--person", "nobody", "--amount", "1"),
        ("--person", "asonnino", "--amount", "1,00"),
        ("--person", "asonnino", "--amount", "-1"),
        ("--person", "asonnino", "--amount", "1", "--warn-at", "101"),
        ("--person", "asonnino", "--amount", "NaN"),
        ("--person", "asonnino", "--amount", "1", "--each"),
        ("--amount", "1"),
    ],
)
def test_what_makes_no_sense_is_refused(typed: Run, arguments: tuple[str, ...]) -> None:
    done = typed("budget", "set", *arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_an_extension_is_locked_unlocked_and_shown(typed: Run) -> None:
    def status() -> Any:
        found = json.loads(typed("status", "731", "--json").stdout)
        return found["extension"], found["locked"], found["holds"], found["actual"]

    assert status() == ("731", False, [], "unknown")
    assert typed("lock", "731").returncode == 0
    assert typed("lock", "731").returncode == 0
    assert status() == ("731", True, ["admin"], "unknown")
    assert "locked by admin" in typed("status", "731").stdout
    assert typed("unlock", "731").returncode == 0
    assert status() == ("731", False, [], "unknown")
    for command in ("lock", "unlock", "status"):
        unknown = typed(command, "999")
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "nobody has the extension 999" in unknown.stderr
        assert len(unknown.stderr.splitlines()) == 1
