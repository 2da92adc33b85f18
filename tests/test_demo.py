"""The demo's invented company is a site file like any other, and its price lists are complete."""

from __future__ import annotations

import csv
import io
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE
from typing import Any, cast

import httpx
import pytest
import trio
from fixtures_company import a_company

from daemon.config import Config
from daemon.context import Context
from daemon.demo.company import people, price_lists, site_file
from daemon.demo.history import seed
from daemon.demo.lab import lab_company
from daemon.demo.past import Scale
from daemon.demo.progress import Progress
from daemon.demo.run import free_port, run_demo
from daemon.demo.spending import extra_calls
from daemon.site_apply import apply_file
from daemon.site_file import SiteFile, load
from rating.destinations import find
from rating.tariff import TariffVersion
from rating.tariff_csv import parse_rates
from storage.budgets import listing, verify_balances
from storage.company import Known
from storage.database import Connection, Database
from storage.demo import stage
from telephony.errors import RingfenceError
from telephony.numbers import Number, normalise
from telephony.plant import Site

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
MILANO = Site(1, "Milano", "IT", "Europe/Rome", "02", "0", ("112", "118"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> SiteFile:
    folder = tmp_path_factory.mktemp("demo")
    return written(folder)


def written(folder: Path) -> SiteFile:
    (folder / "site.toml").write_text(site_file(NOW))
    for name, text in price_lists(NOW).items():
        (folder / name).write_text(text)
    return load(folder / "site.toml", Known())


def test_it_is_a_site_file_without_a_warning(demo: SiteFile) -> None:
    assert demo.warnings == ()
    wanted = demo.wanted
    assert len(wanted.people) == 61
    assert len({person.department for person in wanted.people}) == 5
    assert {person.cost_centre for person in wanted.people} == {"CC-10", "CC-20", "CC-30"}
    assert {person.office for person in wanted.people} == {"Milano", "Viareggio"}
    assert {gateway.kind for gateway in wanted.gateways} == {
        "pstn", "voicemail", "recorder", "intersite",
    }  # fmt: skip


def test_the_user_who_signs_in_is_the_promised_one(demo: SiteFile) -> None:
    [user] = [person for person in demo.wanted.people if person.login == "user"]
    assert (user.first_name, user.last_name, user.department, user.office) == (
        "Andrea", "Sonnino", "Sales", "Milano",
    )  # fmt: skip
    assert str(user.extension) == "731"
    [budget] = [budget for budget in demo.wanted.budgets if budget.target_key == "user"]
    assert (budget.amount, budget.period, budget.locks) == (Decimal("100.00"), "monthly", True)


def test_the_three_sign_in_with_the_password_demo(demo: SiteFile) -> None:
    roles = {person.login: person.role for person in demo.wanted.people}
    assert {login: roles[login] for login in demo.secrets} == {
        "admin": "administrator",
        "supervisor": "supervisor",
        "user": "user",
    }
    assert {secrets.password for secrets in demo.secrets.values()} == {"demo"}


def test_every_kind_of_budget_is_there(demo: SiteFile) -> None:
    budgets = demo.wanted.budgets
    assert {budget.period for budget in budgets} == {"daily", "weekly", "monthly"}
    assert {budget.target for budget in budgets} == {"person", "department", "cost_centre"}
    assert any(budget.each for budget in budgets)
    assert any(budget.carry_over for budget in budgets)
    assert any(not budget.locks for budget in budgets)


@pytest.mark.parametrize(
    ("dialled", "destination"),
    [
        ("002 1234567", "Milano"),
        ("00584 123456", "Italy"),
        ("0333 1234567", "Italy mobile"),
        ("0347 1234567", "Italy mobile"),
        ("0800 123456", "Italy freephone"),
        ("00049 30 1234567", "Germany"),
        ("00049 171 1234567", "Germany mobile"),
        ("0001 212 5551234", "United States"),
        ("000870 123456789", "Inmarsat"),
        ("112", "Emergency"),
    ],
)
def test_the_price_lists_know_the_world(dialled: str, destination: str) -> None:
    version = _version(price_lists(NOW)["padana-voce-2026.csv"])
    number: Number = normalise(dialled.replace(" ", ""), MILANO)
    rows = find(version, number)
    assert rows is not None
    assert rows[0].destination == destination


def _version(text: str) -> TariffVersion:
    rates = parse_rates(text.encode())
    return TariffVersion.of(
        rates, id=1, tariff_id=1, tariff="padana-voce", currency="EUR", valid_from=NOW
    )


def test_price_lists_are_long_and_of_many_shapes() -> None:
    lists = price_lists(NOW)
    assert len(lists) == 4
    rows = list(csv.DictReader(io.StringIO(lists["tirreno-linea-2026.csv"])))
    assert len({row["prefix"] for row in rows}) > 2000
    assert {(row["initial_s"], row["increment_s"]) for row in rows} >= {("30", "6"), ("60", "30")}
    assert any(row["days"] == "Hol" for row in rows)
    assert any(Decimal(row["connect_fee"]) for row in rows)
    assert any(Decimal(row["minimum_charge"]) for row in rows)


def test_the_same_moment_gives_the_same_files() -> None:
    assert price_lists(NOW) == price_lists(NOW)
    assert site_file(NOW) == site_file(NOW)


def test_the_lab_has_a_phone_for_everybody() -> None:
    company = lab_company()
    assert [line.number for line in company.extensions] == [p.extension for p in people()]
    assert len({line.device for line in company.extensions}) == len(people())


SMALL = Scale(days=75, calls=2_000)


async def _figures(connection: Connection) -> dict[str, Any]:
    return {
        "unsent": await connection.fetchval(
            "select count(*) from notification where state <> 'sent'"
        ),
        "lines": await connection.fetchval("select count(*) from line"),
        "actions": {
            row["action"]: row["n"]
            for row in await connection.fetch(
                "select action, count(*) as n from budget_history group by action"
            )
        },
        "future": await connection.fetchval(
            "select count(*) from call where ended_at > $1", SEEDED_AT
        ),
        "early": await connection.fetchval(
            "select count(*) from budget_history where at > $1", SEEDED_AT + timedelta(seconds=10)
        ),
    }


SEEDED_AT = datetime(2026, 3, 14, 15, 26, tzinfo=UTC)


async def test_the_past_was_lived_through_by_the_daemons_own_code(
    database: Database, tmp_path: Path
) -> None:
    taken = await seed(database, tmp_path, SEEDED_AT, SMALL)
    assert taken.calls > SMALL.calls * 0.9
    assert taken.rejected == 0
    assert await database.unit_of_work(stage) == "demo"
    figures = await database.unit_of_work(_figures)
    assert (figures["unsent"], figures["lines"], figures["future"], figures["early"]) == (
        0,
        0,
        0,
        0,
    )
    assert {"warn", "exhaust", "end_period", "notify_sent", "lock", "unlock"} <= set(
        figures["actions"]
    )
    rows = await database.unit_of_work(listing, SEEDED_AT)
    spent = {(row.owner, row.period): row for row in rows}
    user = spent["user", "monthly"]
    assert Decimal(20) < user.spent < Decimal(60)
    assert not user.exhausted
    assert spent["dvogel", "monthly"].exhausted
    assert await database.unit_of_work(verify_balances) == []
    left = await trio.to_thread.run_sync(lambda: sorted(path.name for path in tmp_path.iterdir()))
    assert left == ["padana-voce-2024.csv", "padana-voce-2026.csv", "site.toml",
                    "tirreno-linea-2024.csv", "tirreno-linea-2026.csv"]  # fmt: skip
    again = await apply_file(database, tmp_path / "site.toml", SEEDED_AT)
    assert again.changes == ()


def test_on_the_first_of_a_month_nobody_spends_more_than_the_time_allows() -> None:
    version = _version(price_lists(NOW)["padana-voce-2026.csv"])
    midnight = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
    now = midnight + timedelta(minutes=5)
    calls = list(extra_calls(version, now - timedelta(days=40), now))
    assert all(call.connected_at + timedelta(seconds=call.talk_s) <= now for call in calls)


def test_progress_is_told_in_a_few_lines_where_nobody_watches() -> None:
    stream = io.StringIO()
    progress = Progress("loading", stream)
    for done in range(101):
        progress.to(done / 100)
    assert stream.getvalue().splitlines() == [f"loading: {p} %" for p in (0, 25, 50, 75, 100)]


def test_a_busy_port_is_told_before_anything_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(RingfenceError, match=f"port {port} .* --port"):
            free_port(port)
    assert free_port(port) == port


RUN = """
import sys, trio
from functools import partial
from pathlib import Path
from daemon.demo.past import Scale
from daemon.demo.run import run_demo
from telephony.clock import system_clock
scale = Scale(days=40, calls=400)
trio.run(partial(run_demo, Path(sys.argv[1]), system_clock, port=0, quiet=True, scale=scale))
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder; not pytest's own, whose parents another run may close to the server."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-demo-"))
    yield folder / "data"
    shutil.rmtree(folder)


@asynccontextmanager
async def running(data: Path) -> AsyncGenerator[tuple[trio.Process, dict[str, str]]]:
    """The demo as a process of its own, and what it printed: `ready`, `lab`, the sign-ins."""
    process = await trio.lowlevel.open_process([sys.executable, "-c", RUN, str(data)], stdout=PIPE)
    output = cast("trio.abc.ReceiveStream", process.stdout)
    text = b""
    try:
        with trio.fail_after(120):
            while b"sign-in user" not in text:
                piece = await output.receive_some()
                assert piece, text
                text += piece
        pairs = (line.rpartition(" ") for line in text.decode().splitlines())
        yield process, {first: last for first, _, last in pairs}
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def locked(client: httpx.AsyncClient, lab: str) -> bool:
    return bool((await client.get(f"{lab}/lines/731")).json()["locked"])


async def test_a_call_of_the_user_locks_the_phone_and_everything_stops_on_sigterm(
    data: Path,
) -> None:
    async with running(data) as (process, said), httpx.AsyncClient(timeout=10) as client:
        assert {key: said[key] for key in said if key.startswith("sign-in")} == {
            "sign-in admin": "demo",
            "sign-in supervisor": "demo",
            "sign-in user": "demo",
        }
        lab = said["lab"]
        assert not await locked(client, lab)
        call = {"from": "731", "to": "0008821612345678", "seconds": 1800}
        assert (await client.post(f"{lab}/calls", json=call)).json()["placed"] is True
        with trio.fail_after(15):
            while not await locked(client, lab):  # noqa: ASYNC110 - the lab tells nobody
                await trio.sleep(0.05)
        assert (await client.post(f"{lab}/calls", json=call)).json()["placed"] is False
        assert (await client.get(f"{said['ready']}/login")).status_code == 200
        process.terminate()
        with trio.fail_after(15):
            assert await process.wait() == 0
    assert not (data / "postgres" / "postmaster.pid").exists()
    async with running(data) as (process, said), httpx.AsyncClient(timeout=10) as client:
        assert await locked(client, said["lab"])
        process.send_signal(signal.SIGINT)
        with trio.fail_after(15):
            assert await process.wait() == 0


async def test_a_folder_with_a_real_company_is_refused(data: Path) -> None:
    context = Context(Config(), data)
    async with context.database() as database:
        await a_company(database)
    with pytest.raises(BaseExceptionGroup) as refused:
        await run_demo(data, context.clock, port=0, quiet=True)
    assert refused.group_contains(RingfenceError, match="not the demo's", depth=None)


async def test_a_half_made_demo_is_made_anew(data: Path) -> None:
    context = Context(Config(), data)
    async with context.database() as database:
        await a_company(database)
    (data / "demo-unfinished").touch()
    async with running(data):
        assert not (data / "demo-unfinished").exists()
