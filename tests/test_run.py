"""The daemon from outside: it gets ready, tells how it fares, survives, and stops in time."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from running_daemon import RunningDaemon, ringfence, running_daemon

from daemon.ground import prepare
from storage.server import Liveness, data_directory, postmaster_pid


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with (
        tempfile.TemporaryDirectory(prefix="ringfence-test-") as folder,
        running_daemon(Path(folder)) as running,
    ):
        yield running


def _get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=20, trust_env=False)


def _dsn(data: Path) -> str:
    return prepare(data, lambda _: None).dsn()


def _server_answers(data: Path) -> bool:
    return trio.run(data_directory, _dsn(data))[0] is Liveness.ANSWERS


def test_a_healthy_daemon_says_so(daemon: RunningDaemon) -> None:
    answer = _get(f"{daemon.url}/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "inbox": "ok"}}


def test_the_sign_in_page_is_served(daemon: RunningDaemon) -> None:
    assert _get(f"{daemon.url}/login").status_code == 200


def test_metrics_are_openmetrics_and_complete(daemon: RunningDaemon) -> None:
    answer = _get(f"{daemon.url}/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert families >= {
        "ringfence_files",
        "ringfence_rows",
        "ringfence_rejects",
        "ringfence_calls",
        "ringfence_ingest_lag_seconds",
        "ringfence_files_missing",
        "ringfence_locks_wanted",
        "ringfence_locks_actual",
        "ringfence_actors_live",
        "ringfence_alarms_standing",
        "ringfence_notifications_pending",
        "ringfence_pbx_request_seconds",
        "ringfence_pbx_errors",
        "ringfence_reports_prepared_ratio",
    }


def test_the_doctor_finds_what_the_daemon_has_prepared(daemon: RunningDaemon) -> None:
    until = time.monotonic() + 60
    while "ringfence_reports_prepared_ratio 1.0" not in _get(f"{daemon.url}/metrics").text:
        assert time.monotonic() < until, "the calls were not prepared"
        time.sleep(0.1)
    done = ringfence("doctor", "--data", daemon.data)
    file = daemon.data / "analytics" / "calls.duckdb"
    assert f"OK    reports: copy of the calls: {file}, " in done.stdout


def test_a_missing_inbox_is_named(daemon: RunningDaemon) -> None:
    inbox = daemon.data / "inbox"
    away = daemon.data / "away"
    inbox.rename(away)
    try:
        answer = _get(f"{daemon.url}/healthz")
        assert answer.status_code == 503
        assert "not a folder" in answer.json()["checks"]["inbox"]
    finally:
        away.rename(inbox)


def test_commands_work_beside_it_and_leave_it_running(daemon: RunningDaemon) -> None:
    done = ringfence("migrate", "--data", daemon.data)
    assert done.returncode == 0, done.stderr
    assert "version" in done.stdout
    assert _get(f"{daemon.url}/healthz").status_code == 200


def test_usr1_shows_the_tree_of_tasks(daemon: RunningDaemon) -> None:
    daemon.process.send_signal(signal.SIGUSR1)
    until = time.monotonic() + 10
    while "daemon/health.py" not in daemon.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert re.search(r"^ +.*serve_portal", daemon.log.read_text(), re.MULTILINE)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_stops_in_time_with_everything(tmp_path: Path, how: signal.Signals) -> None:
    with running_daemon(tmp_path) as daemon:
        host, port = daemon.url.removeprefix("http://").split(":")
        # Somebody who connected and says nothing, and somebody in the middle of a request.
        with (
            socket.create_connection((host, int(port))),
            socket.create_connection((host, int(port))) as half,
        ):
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            assert daemon.stop(how) == 0
        assert daemon.events()[-1]["event"] == "stopped"
        assert daemon.events()[-1]["in_time"] is True
        assert not _server_answers(daemon.data)
        assert "Traceback" not in daemon.log.read_text()


def test_after_a_kill_the_next_one_adopts_the_server_and_serves(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as killed:
        pid = trio.run(postmaster_pid, _dsn(killed.data))
        killed.stop(signal.SIGKILL)
    with running_daemon(tmp_path) as daemon:
        assert trio.run(postmaster_pid, _dsn(daemon.data)) == pid
        assert _get(f"{daemon.url}/healthz").status_code == 200
        assert daemon.stop() == 0
    assert not _server_answers(tmp_path / "data")


def test_a_killed_database_is_named_and_comes_back(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        os.kill(trio.run(postmaster_pid, _dsn(daemon.data)), signal.SIGKILL)
        seen: set[int] = set()
        until = time.monotonic() + 40
        while seen != {200, 503}:
            answer = _get(f"{daemon.url}/healthz")
            if answer.status_code == 503:
                assert answer.json()["checks"]["database"] != "ok"
            if answer.status_code == 503 or 503 in seen:
                seen.add(answer.status_code)
            assert time.monotonic() < until
            time.sleep(0.02)
        assert daemon.stop() == 0


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = tmp_path / "taken.toml"
        file.write_text(f"[web]\nport = {taken.getsockname()[1]}\n")
        done = ringfence("run", "--config", file, "--data", tmp_path / "data")
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_second_daemon_on_the_same_data_is_refused(daemon: RunningDaemon, tmp_path: Path) -> None:
    file = tmp_path / "second.toml"
    file.write_text("[web]\nport = 0\n")
    done = ringfence("run", "--config", file, "--data", daemon.data)
    assert done.returncode == 1
    assert "a daemon runs on" in done.stderr.splitlines()[-1]
    assert _get(f"{daemon.url}/healthz").status_code == 200


def test_systemd_is_told_and_its_watchdog_fed(tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(place))
        listening.settimeout(20)
        more = {"NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "200000"}
        with running_daemon(tmp_path, **more) as daemon:
            first = listening.recv(1000).decode()
            while not first.startswith("READY=1"):
                assert first == "WATCHDOG=1"
                first = listening.recv(1000).decode()
            assert daemon.url in first
            assert listening.recv(1000) == b"WATCHDOG=1"
            assert listening.recv(1000) == b"WATCHDOG=1"
            assert daemon.stop() == 0
            last = b""
            while not last.startswith(b"STOPPING=1"):
                last = listening.recv(1000)


def test_the_folders_are_made_private(daemon: RunningDaemon) -> None:
    assert stat.S_IMODE((daemon.data / "inbox").stat().st_mode) == 0o750
    assert stat.S_IMODE((daemon.data / "archive").stat().st_mode) == 0o750
