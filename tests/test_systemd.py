"""What systemd is told, and the files it is given."""

from __future__ import annotations

import os
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


def test_the_sftp_account_is_shut_in_and_cisco_ucm_gets_in(tmp_path: Path) -> None:
    """What the real sshd makes of the drop-in, for that account and for any other."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        pytest.skip("sshd is not installed")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as its service does
    elif not Path("/run/sshd").is_dir():
        pytest.skip("sshd was never started here")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {key}\nInclude {FILES / 'ringfence-sshd.conf'}\n")
    options = _effective(sshd, config, "ringfence-sftp")
    assert options["chrootdirectory"] == "/srv/ringfence-sftp"
    assert options["forcecommand"].startswith("internal-sftp -d /inbox")
    assert options["passwordauthentication"] == "yes"
    assert options["authenticationmethods"] == "password"
    assert options["allowtcpforwarding"] == "no"
    assert options["permittty"] == "no"
    assert {"aes256-ctr", "aes192-ctr", "aes128-ctr"} <= set(options["ciphers"].split(","))
    assert _effective(sshd, config, "root")["forcecommand"] == "none"


def _effective(sshd: str, config: Path, user: str) -> dict[str, str]:
    done = subprocess.run(
        [sshd, "-T", "-f", config, "-C", f"user={user},host=cucm,addr=192.0.2.1"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def test_the_accounts_are_valid() -> None:
    program = shutil.which("systemd-sysusers")
    if program is None:
        pytest.skip("systemd-sysusers is not installed")
    done = subprocess.run(
        [program, "--dry-run", FILES / "ringfence.sysusers"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_guide_names_every_file_of_the_folder() -> None:
    guide = (FILES.parent / "docs" / "install.md").read_text()
    for file in FILES.iterdir():
        assert f"systemd/{file.name}" in guide
