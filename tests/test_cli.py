"""The command line: every command explains itself, and failure is one line and a status."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_daemon import COMMAND, ROOT, environment, ringfence

from daemon.cli import build_parser
from daemon.context import Context


def _paths(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command there is, as words."""
    found: list[tuple[str, ...]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found += [(*words, name), *_paths(inner, (*words, name))]
    return found


COMMANDS = _paths(build_parser())


def test_every_promised_command_is_there() -> None:
    promised = (
        "run|demo|apply|import|calls|rate|tariff import|tariff list|budget list|budget set"
        "|lock|unlock|status|user add|user passwd|user list|rejects|rejects retry"
        "|backup|restore|verify|doctor|migrate"
    )
    assert {tuple(words.split()) for words in promised.split("|")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        build_parser().parse_args([*words, "--help"])
    assert exited.value.code == 0
    told = capsys.readouterr().out
    leads_on = "COMMAND" in told and "--data" not in told
    assert leads_on or ("--config" in told and "--data" in told)


def test_help_is_quick_because_it_imports_little() -> None:
    code = (
        "import sys, daemon.cli; daemon.cli.build_parser();"
        "print([m for m in ('quart', 'zeep', 'asyncpg', 'httpx', 'prometheus_client') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["migrate", "--config", "/nowhere/r.toml"], "ringfence: /nowhere/r.toml"),
        (["restore", "/nowhere/backup"], "there is no file /nowhere/backup"),
        (["migrate", "--data", "/proc/nothing"], "ringfence: the data folder /proc/nothing"),
    ],
)
def test_failure_is_one_line_and_a_status(arguments: list[str], said: str) -> None:
    done = ringfence(*arguments)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_no_command_is_an_error() -> None:
    assert ringfence().returncode == 2
    assert ringfence("budget").returncode == 2


def test_a_server_of_ones_own_that_is_not_migrated_says_what_to_do(
    empty_dsn: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'[database]\ndsn = "{empty_dsn}"\n')
    done = ringfence("doctor", "--config", file, "--data", tmp_path / "data")
    assert done.returncode == 1
    assert "run ringfence migrate" in done.stdout
    assert ringfence("migrate", "--config", file).returncode == 0
    done = ringfence("doctor", "--config", file, "--data", tmp_path / "data")
    assert done.stdout.startswith("OK    database")
    assert not (tmp_path / "data" / "postgres").exists()


def test_the_doctor_says_what_to_do_and_fails(dsn: str, tmp_path: Path) -> None:
    done = ringfence("doctor", "--data", tmp_path / "data", RINGFENCE_DATABASE_DSN=dsn)
    assert done.returncode == 1
    lines = {line[6:].split(":")[0]: line[:4].strip() for line in done.stdout.splitlines()}
    assert lines == {
        "database": "OK",
        "people": "TODO",
        "company": "TODO",
        "inbox": "TODO",
        "portal": "OK",
        "reports": "OK",
        "PDF": "OK",
        "SMTP": "--",
        "AXL": "--",
        "LDAP": "--",
        "missing files": "OK",
        "rejected rows": "OK",
        "unrated calls": "OK",
        "locks": "OK",
        "alarms": "OK",
    }
    done = ringfence("doctor", "--json", "--data", tmp_path / "data", RINGFENCE_DATABASE_DSN=dsn)
    assert {finding["what"] for finding in json.loads(done.stdout)} == set(lines)


def test_the_doctor_names_what_does_not_answer(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text(
        '[mail]\nhost = "127.0.0.1"\nport = 1\nsender = "a@example.com"\n'
        '[cucm]\naxl_url = "https://127.0.0.1:1/axl/"\nusername = "x"\n'
    )
    done = ringfence("doctor", "--config", file, RINGFENCE_DATABASE_DSN=dsn)
    assert done.returncode == 1
    todo = [line for line in done.stdout.splitlines() if line.startswith("TODO")]
    assert any(line.startswith("TODO  SMTP: mail server 127.0.0.1:1") for line in todo)
    assert any(line.startswith("TODO  AXL: ") for line in todo)


def test_a_backup_moves_the_state_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    file = tmp_path / "state.backup"
    assert ringfence("migrate", "--data", here).returncode == 0
    done = ringfence("backup", file, "--data", here)
    assert done.returncode == 0, done.stderr
    done = ringfence("restore", file, "--data", there)
    assert done.returncode == 0, done.stderr
    again = ringfence("backup", file, "--data", here)
    assert again.returncode == 1
    assert "exists" in again.stderr


def test_a_command_told_to_stop_stops_the_server_it_started(tmp_path: Path) -> None:
    data = tmp_path / "data"
    sleep = (
        "import sys, trio; from daemon import cli; from daemon.commands import migrate\n"
        "async def slow(args, context):\n"
        "    async with context.database():\n"
        "        print('up', flush=True); await trio.sleep_forever()\n"
        "migrate.run = slow; sys.exit(cli.main(sys.argv[1:]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", sleep, "migrate", "--data", str(data)],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
    ) as command:  # fmt: skip
        assert command.stdout is not None
        assert command.stdout.readline() == "up\n"
        command.send_signal(signal.SIGTERM)
        assert command.wait(timeout=20) == 143
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_json_goes_to_standard_output_whole(capsys: pytest.CaptureFixture[str]) -> None:
    from daemon.config import Config

    context = Context(Config(), Path())
    context.print_json([{"a": "ü"}])
    context.warn("beside")
    assert json.loads(capsys.readouterr().out) == [{"a": "ü"}]


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("ringfence")
    if not script.exists():
        pytest.skip("the console script is not installed")
    began = time.monotonic()
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "doctor" in done.stdout
    assert time.monotonic() - began < 20
    assert COMMAND[0] == sys.executable
