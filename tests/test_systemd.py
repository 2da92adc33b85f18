"""What systemd is told, and the files it is given."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from daemon.systemd_notify import Notifier

FILES = Path(__file__).parents[1] / "systemd"


def _heard(address: str, tell: str) -> bytes:
    bound = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(bound)
        listening.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": address})
        if tell == "ready":
            notifier.ready("serving")
        else:
            getattr(notifier, tell)()
        return listening.recv(1000)


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_said(tmp_path: Path, *, abstract: bool) -> None:
    address = f"@ringfence-{tmp_path.name}" if abstract else str(tmp_path / "n")
    assert _heard(address, "ready") == b"READY=1\nSTATUS=serving"


@pytest.mark.parametrize(("tell", "said"), [("stopping", b"STOPPING=1"), ("alive", b"WATCHDOG=1")])
def test_what_else_is_said(tmp_path: Path, tell: str, said: bytes) -> None:
    assert _heard(str(tmp_path / "n"), tell).splitlines()[0] == said


def test_nobody_to_tell_is_no_trouble(tmp_path: Path) -> None:
    Notifier({}).ready("x")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "absent")}).alive()
    Notifier({"NOTIFY_SOCKET": "vsock:2:1"}).alive()


@pytest.mark.parametrize(
    ("usec", "every_s"), [("30000000", 15.0), ("", None), ("0", None), ("soon", None)]
)
def test_how_often_the_watchdog_is_fed(usec: str, every_s: float | None) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": usec})
    assert notifier.watchdog_every_s == every_s


def test_no_watchdog_without_systemd() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}).watchdog_every_s is None


def test_the_unit_is_valid(tmp_path: Path) -> None:
    """What systemd itself says of the unit, with a program and a user that exist here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (FILES / "ringfence.service").read_text()
    text = re.sub(r"^(ExecStart\w*)=\S+", r"\1=/bin/true", text, flags=re.MULTILINE)
    unit = tmp_path / "ringfence.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    about_us = [line for line in done.stderr.splitlines() if "ringfence" in line]
    assert about_us == []
    assert done.returncode == 0, done.stderr


def test_the_unit_waits_for_ready_and_for_the_watchdog() -> None:
    text = (FILES / "ringfence.service").read_text()
    assert "Type=notify" in text
    assert re.search(r"^WatchdogSec=\d+", text, re.MULTILINE)
    assert re.search(r"^TimeoutStopSec=\d+", text, re.MULTILINE)
