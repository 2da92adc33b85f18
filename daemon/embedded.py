"""The embedded PostgreSQL: started where none runs, adopted where one does, stopped by the last.

The server outlives whoever started it, even a `kill -9`, because other commands may be using it;
whoever comes next finds it by connecting to its socket. A process number is trusted only when the
running server itself states it. Everybody who needs the server holds the lease file; the one who
leaves and finds it free stops the server. Starting and stopping happen under one mutex file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import trio

from daemon.ground import (
    DATABASE,
    ROLE,
    SOCKET_FILE,
    Ground,
    Say,
    forget_socket,
    give,
    open_folder,
    prepare,
    write_private,
)
from daemon.mutex import FileMutex, exclusively
from storage.server import Liveness, data_directory, ensure_database, postmaster_pid, strangers
from telephony.errors import RingfenceError

MUTEX_TIMEOUT_S = 150.0
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 6.0
INITDB_TIMEOUT_S = 120.0
POLL_S = 0.03
PORT = 5432

SETTINGS = {
    # Reached through its socket alone.
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # An appliance of two cores that writes in batches and reads a year of calls.
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "1",
    "jit": "off",
    # One server without replicas: less to write, checkpoints far apart.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    # A week of logs, each day's file replaced a week later.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # A client killed mid-query must not keep its locks.
    "client_connection_check_interval": "5s",
}
UNSAFE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class ServerStartError(RingfenceError):
    """The embedded PostgreSQL did not come up."""


def to_stderr(text: str) -> None:
    """Say something to a person without touching standard output."""
    print(text, file=sys.stderr, flush=True)


@asynccontextmanager
async def embedded_server(
    data: Path, *, fsync: bool = True, say: Say = to_stderr
) -> AsyncGenerator[str]:
    """Run or adopt the PostgreSQL of the data folder `data`; gives its DSN.

    On leaving, the server is stopped unless somebody else still needs it. `fsync=False` is for
    tests. The DSN holds a password: never print it. Raises `RingfenceError` when the folder is
    another user's, `ServerStartError` when the server does not start.
    """
    folder = open_folder(data)
    async with exclusively(folder / "database.mutex", MUTEX_TIMEOUT_S):
        ground = await trio.to_thread.run_sync(prepare, folder, say)
        server = EmbeddedServer(ground, fsync=fsync)
        await server.ensure_running()
        lease = FileMutex(ground.lease)
        if not lease.try_shared():
            lease.close()
            raise ServerStartError(f"{ground.lease} is held by something that is not Ringfence")
    try:
        yield ground.dsn()
    finally:
        with trio.CancelScope(shield=True):
            await server.leave(lease)


async def revive(data: Path, *, say: Say = to_stderr) -> None:
    """Start the embedded server again if it died while we hold it; does nothing when it lives."""
    folder = open_folder(data)
    async with exclusively(folder / "database.mutex", MUTEX_TIMEOUT_S):
        ground = await trio.to_thread.run_sync(prepare, folder, say)
        server = EmbeddedServer(ground, fsync=True)
        await server.ensure_running()
        server.disown()


class EmbeddedServer:
    """The server of one data folder, whether we started it or somebody before us did."""

    def __init__(self, ground: Ground, *, fsync: bool) -> None:
        self._ground = ground
        self._fsync = fsync
        self._child: subprocess.Popen[bytes] | None = None

    async def ensure_running(self) -> None:
        """Adopt the server that answers, or start one. The folder's mutex is held."""
        if await self._settled() is Liveness.ABSENT:
            await self._await_orphans()
            await trio.to_thread.run_sync(self._ready_cluster)
            self._child = await trio.to_thread.run_sync(self._launch)
            await self._await_answer()
        await ensure_database(self._ground.dsn("postgres"), DATABASE)

    async def leave(self, lease: FileMutex) -> None:
        """Give the lease back, and stop the server when that was the last one."""
        try:
            async with exclusively(self._ground.mutex, MUTEX_TIMEOUT_S):
                lease.close()
                last = FileMutex(self._ground.lease)
                try:
                    if last.try_exclusive():
                        await self._stop_unless_needed()
                finally:
                    last.close()
        finally:
            self.disown()

    def disown(self) -> None:
        """Let the server go on without us, where it does."""
        if self._child is not None and self._child.poll() is None:
            self._child.returncode = 0  # or Python warns that it is still running
        self._child = None

    async def _settled(self) -> Liveness:
        """Whether a server answers, once it is neither starting nor stopping."""
        with trio.move_on_after(START_TIMEOUT_S):
            while True:
                state, directory = await data_directory(self._ground.dsn("postgres"))
                if state is Liveness.ABSENT:
                    return state
                if state is Liveness.ANSWERS:
                    self._check_ours(directory)
                    return state
                await trio.sleep(POLL_S)
        raise ServerStartError("the embedded PostgreSQL is neither starting nor stopping")

    def _check_ours(self, directory: str) -> None:
        if Path(directory).resolve() != self._ground.cluster.resolve():
            raise ServerStartError(
                f"the server at {self._ground.socket} works on {directory}, not on"
                f" {self._ground.cluster}: remove {self._ground.folder / 'database.json'}"
            )

    async def _await_orphans(self) -> None:
        """Wait for what a killed server left behind, then clear its stale files.

        PostgreSQL's own check goes by process number, which is wrong when that number has since
        been given to another process of the same account. Every process of a server has its data
        directory as working directory, and that is what is looked at here.
        """
        if not (self._ground.cluster / "postmaster.pid").exists():
            return
        with trio.move_on_after(STOP_TIMEOUT_S):
            while await trio.to_thread.run_sync(_lives_in, self._ground.cluster):  # noqa: ASYNC110 - other processes tell us nothing
                await trio.sleep(POLL_S)
        if _lives_in(self._ground.cluster):
            raise ServerStartError(
                f"a PostgreSQL still works on {self._ground.cluster} but does not answer at"
                f" {self._ground.socket}: stop it"
            )
        (self._ground.cluster / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET_FILE, f"{SOCKET_FILE}.lock"):
            (self._ground.socket / name).unlink(missing_ok=True)

    def _ready_cluster(self) -> None:
        """Run `initdb` where there is no cluster yet; whole or not at all."""
        ground = self._ground
        if ground.cluster.exists():
            _check_version(ground)
            return
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new.", dir=ground.folder))
        secret = ground.socket / "password"
        try:
            write_private(secret, ground.password)
            for place in (fresh, secret):
                give(place, ground.account)
            self._run_initdb(fresh, secret)
            fresh.rename(ground.cluster)
        finally:
            secret.unlink(missing_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)

    def _run_initdb(self, fresh: Path, secret: Path) -> None:
        arguments = [
            str(self._ground.programs / "initdb"),
            f"--pgdata={fresh}", f"--username={ROLE}", f"--pwfile={secret}",
            "--auth-local=scram-sha-256", "--auth-host=reject",
            "--encoding=UTF8", "--locale=C.UTF-8", "--text-search-config=simple",
            "--data-checksums",
        ]  # fmt: skip
        if not self._fsync:
            arguments.append("--no-sync")
        child = self._spawn(arguments, subprocess.PIPE)
        try:
            output, _ = child.communicate(timeout=INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise ServerStartError(f"initdb took more than {INITDB_TIMEOUT_S:.0f} s") from None
        if child.returncode != 0:
            raise ServerStartError(f"initdb failed: {_last_words(output)}")

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = SETTINGS | ({} if self._fsync else UNSAFE_SETTINGS)
        socket = str(self._ground.socket).replace('"', '""')
        arguments = [str(self._ground.programs / "postgres"), "-D", str(self._ground.cluster)]
        for name, value in {**settings, "unix_socket_directories": f'"{socket}"'}.items():
            arguments += ["-c", f"{name}={value}"]
        with self._ground.start_log.open("wb") as log:
            return self._spawn(arguments, log)

    def _spawn(self, arguments: list[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start a program under the server's account, out of reach of our terminal's signals."""
        account = self._ground.account
        as_root = os.geteuid() == 0
        return subprocess.Popen(  # noqa: S603 - our own programs
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            start_new_session=True,
            user=account.uid if as_root else None,
            group=account.gid if as_root else None,
            extra_groups=[] if as_root else None,
        )

    async def _await_answer(self) -> None:
        dsn = self._ground.dsn("postgres")
        with trio.move_on_after(START_TIMEOUT_S):
            while self._child is not None and self._child.poll() is None:
                if (await data_directory(dsn))[0] is Liveness.ANSWERS:
                    return
                await trio.sleep(POLL_S)
        words = _last_words(self._ground.start_log.read_bytes()) or "no answer"
        raise ServerStartError(f"the embedded PostgreSQL did not start: {words}")

    async def _stop_unless_needed(self) -> None:
        dsn = self._ground.dsn("postgres")
        try:
            if await strangers(dsn):
                return
            os.kill(await postmaster_pid(dsn), signal.SIGINT)
        except (RingfenceError, ProcessLookupError):
            return  # it is gone already, or going
        with trio.move_on_after(STOP_TIMEOUT_S):
            while (self._ground.cluster / "postmaster.pid").exists():  # noqa: ASYNC110 - as above
                await trio.sleep(POLL_S)
            forget_socket(self._ground)
            while self._child is not None and self._child.poll() is None:  # noqa: ASYNC110 - as above
                await trio.sleep(POLL_S)


def _check_version(ground: Ground) -> None:
    made_by = (ground.cluster / "PG_VERSION").read_text().strip()
    asked = subprocess.run(  # noqa: S603 - our own program
        [str(ground.programs / "postgres"), "--version"],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    here = asked.stdout.split()[-1].split(".")[0]
    if made_by != here:
        raise ServerStartError(
            f"{ground.cluster} was made by PostgreSQL {made_by} and this is {here}:"
            " move it away and restore a backup"
        )


def _lives_in(cluster: Path) -> bool:
    """Whether any process we may look at has this directory as its working directory."""
    wanted = str(cluster.resolve())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == wanted:  # noqa: PTH115 - the text is what counts
                    return True
            except OSError:
                continue
    return False


def _last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "FATAL" in line or "error:" in line.lower()]
    return (errors[:1] or lines[-1:] or [""])[0]
