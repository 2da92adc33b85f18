"""Headless Chromium on the running demo: a daemon in a process of its own, as a person has it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

ROOT = Path(__file__).parents[2]
START_S = 180
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the budget run out at last, whatever the order: it stays spent for the others."""
    items.sort(key=lambda item: item.name == "test_a_budget_runs_out_before_ones_eyes")


@dataclass(frozen=True)
class Demo:
    """Where the demo answers."""

    url: str
    lab: str

    def place_call(self, number: str, seconds: int, extension: str = "731") -> bool:
        """Have the lab end a call now; whether the line was allowed to make it."""
        body = json.dumps({"from": extension, "to": number, "seconds": seconds}).encode()
        return bool(self._ask("/calls", body)["placed"])

    def line(self, extension: str = "731") -> dict[str, object]:
        """The line as the simulated phone system has it."""
        return self._ask(f"/lines/{extension}")

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, object]:
        request = urllib.request.Request(
            self.lab.rstrip("/") + path, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def _lines(process: subprocess.Popen[str]) -> Queue[str]:
    lines: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _addresses(process: subprocess.Popen[str]) -> Demo:
    lines, found = _lines(process), dict[str, str]()
    while len(found) < 2:
        try:
            line = lines.get(timeout=START_S)
        except Empty:
            pytest.fail(f"the demo was not ready within {START_S} s")
        if process.poll() is not None:
            pytest.fail(f"the demo ended with {process.returncode} before it was ready")
        if match := re.match(r"(ready|lab) (http\S+)", line):
            found[match[1]] = match[2]
    return Demo(found["ready"].rstrip("/"), found["lab"])


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo on fresh data, without calls of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-demo-"))
    log = (folder / "demo.log").open("w")
    command = [str(Path(sys.executable).parent / "ringfence"), "demo", "--port", "0", "--quiet"]
    process = subprocess.Popen(
        [*command, "--data", str(folder / "var")], stdout=subprocess.PIPE, stderr=log, text=True,
        cwd=folder, start_new_session=True,
    )  # fmt: skip
    try:
        yield _addresses(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def demo_url(demo: Demo) -> str:
    return demo.url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one playwright brought along; without either these are skipped."""
    debian = Path("/usr/bin/chromium")
    with pytest.MonkeyPatch.context() as patch:
        # trio-asyncio puts a loop of its own in the way of Playwright, which brings a thread.
        patch.setattr(asyncio, "new_event_loop", asyncio.SelectorEventLoop)
        playwright = sync_playwright().start()
    try:
        launched = playwright.chromium.launch(
            executable_path=str(debian) if debian.exists() else None, args=FLAGS
        )
    except Error as error:
        playwright.stop()
        pytest.skip(f"no Chromium here (apt-get install chromium): {error.message[:80]}")
    yield launched
    launched.close()
    playwright.stop()


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, demo: Demo) -> Iterator[Open]:
    """A page of a fresh browser; a script's error or a console error fails the test at its end."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(**options: object) -> Page:
        settings = {"base_url": demo.url, "locale": "en-GB", **options}
        contexts.append(chromium.new_context(**settings))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def sign_in(open_page: Open) -> Open:
    """A page in English on which somebody has signed in: the user unless named."""

    def signed_in(username: str = "user", **options: object) -> Page:
        page = open_page(**options)
        page.goto("/login")
        page.fill("[name=username]", username)
        page.fill("[name=password]", "demo")
        page.click("main button")
        page.wait_for_url("**/")
        if page.locator("html").get_attribute("lang") != "en":
            page.goto("/account/")
            page.locator("main [name=language]").select_option("en")
            page.get_by_role("main").locator("form[action$=language] button").click()
        return page

    return signed_in
