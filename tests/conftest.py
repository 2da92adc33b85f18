"""What every test has: settings of the run, marks, a folder of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from shutil import disk_usage

import pytest
from compiled_templates import compile_once
from hypothesis import settings

# A busy machine is no fault of what is tested.
settings.register_profile("ringfence", deadline=None)
settings.load_profile("ringfence")
compile_once()

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and disk_usage(MEMORY).free > ROOM_BYTES:
    # A database is some three hundred files. Where such are made and removed by the second, a
    # disk's file system takes longer to find free places than the tests take to run.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

pytest_plugins = [
    "fixtures_company",
    "fixtures_server",
    "fixtures_slapd",
    "fixtures_web",
    "fixtures_directory",
    "fixtures_mail",
    "fixtures_facts",
]

WHOLE_PARTS = {"test_cli", "test_demo", "test_embedded", "test_run", "test_systemd"}
"""Modules that start whole processes; `make check` leaves them and every database out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow whatever needs a database or a process of its own."""
    for item in items:
        needs_database = "postgres" in getattr(item, "fixturenames", ())
        if needs_database or Path(item.path).stem in WHOLE_PARTS:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped for want of something has failed.

    Save those marked `shared`, and what only root can try, who need not be there.
    """
    report = yield
    if os.environ.get("CI") and report.skipped and not item.get_closest_marker("shared"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if "root" in str(why):
            return report
        report.outcome, report.longrepr = "failed", f"skipped in CI: {why}"
    return report


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of one's own, and not below pytest's.

    Every run of pytest closes that to other accounts as it begins, and the embedded server of
    another run, under root, is such an account.
    """
    folder = Path(tempfile.mkdtemp(prefix="ringfence-test-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference folder beside the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder ../shared beside the checkout is absent")
    return folder
