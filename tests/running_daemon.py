"""A daemon as a process of its own, the way systemd or a person would run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "daemon.cli"]
READY_WITHIN_S = 60.0


class RunningDaemon:
    """A daemon that said it is ready; `url` is where its portal answers."""

    def __init__(self, process: subprocess.Popen[str], data: Path, log: Path) -> None:
        self.process = process
        self.data = data
        self.log = log
        self.url = self._await_ready()

    def _await_ready(self) -> str:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until and self.process.poll() is None:
            for event in self.events():
                if event.get("event") == "ready":
                    return str(event["url"])
            time.sleep(0.05)
        raise AssertionError(f"the daemon did not get ready:\n{self.log.read_text()}")

    def events(self) -> list[dict[str, object]]:
        """What it has logged so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def stop(self, how: signal.Signals = signal.SIGTERM, within_s: float = 10.0) -> int:
        """Have it stop; its exit status."""
        self.process.send_signal(how)
        return self.process.wait(timeout=within_s)


def environment() -> dict[str, str]:
    """An environment in which nothing of ours is configured."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RINGFENCE_")}
    return {**ours, "PYTHONPATH": str(ROOT)}


def ringfence(
    *arguments: str | Path, cwd: Path = ROOT, within_s: float = 60.0, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, env={**environment(), **more}, text=True,
        capture_output=True, timeout=within_s, check=False,
    )  # fmt: skip


@contextmanager
def running_daemon(folder: Path, configuration: str = "", **more: str) -> Generator[RunningDaemon]:
    """Run a daemon with its data in `folder / "data"`; killed in the end if it still lives."""
    data = folder / "data"
    file = folder / "daemon.toml"
    file.write_text(configuration or "[web]\nport = 0\n")
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "run", "--config", str(file), "--data", str(data)],
            cwd=folder, env={**environment(), **more}, text=True, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield RunningDaemon(process, data, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
