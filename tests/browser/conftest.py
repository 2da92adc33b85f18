"""Headless Chromium on the running demo: a daemon in a process of its own, as a person has it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

ROOT = Path(__file__).parents[2]
AXE = Path(__file__).parent / "npm" / "node_modules" / "axe-core" / "axe.min.js"
"""Put there by scripts/test, from the package-lock.json beside it."""
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
    """Let the budget run out at last, whatever the order: it stays spent for its group."""
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


def _wait_for_reports(demo: Demo) -> None:
    """A machine that is busy takes a while to prepare a year of calls."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{demo.url}/metrics", timeout=30) as answer:
            if b"\nringfence_reports_prepared_ratio 1.0\n" in answer.read():
                return
        time.sleep(0.2)
    pytest.fail(f"reports were not ready within {START_S} s")


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
        demo = _addresses(process)
        _wait_for_reports(demo)
        yield demo
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


Speak = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def speak() -> Speak:
    """Has the portal speak a language to whoever has signed in on a page, which shows the menu."""

    def spoken(page: Page, language: str) -> None:
        page.goto("/")
        token = page.locator("[name=csrf_token]").first.get_attribute("value")
        form = {"csrf_token": token or "", "language": language, "next": "/"}
        assert page.request.post("/account/language", form=form).ok
        page.reload()

    return spoken


@pytest.fixture
def sign_in(open_page: Open, speak: Speak) -> Open:
    """A page in English on which somebody has signed in: the user unless named."""

    def signed_in(username: str = "user", **options: object) -> Page:
        page = open_page(**options)
        page.goto("/login")
        page.fill("[name=username]", username)
        page.fill("[name=password]", "demo")
        page.click("main button")
        page.wait_for_url("**/")
        if page.locator("html").get_attribute("lang") != "en":
            speak(page, "en")
        return page

    return signed_in


@dataclass(frozen=True)
class Finding:
    """One thing axe-core objects to, and where."""

    impact: str
    rule: str
    words: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        places = "".join(f"\n        {one}" for one in self.where[:5])
        more = f"\n        and {len(self.where) - 5} more" if len(self.where) > 5 else ""
        return f"{self.impact}: {self.rule}: {self.words}{places}{more}"


_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """async rules => {
  const found = await axe.run(document, {resultTypes: ["violations"], runOnly: rules});
  const place = node => [node.target.join(" "), node.any[0]?.message].filter(Boolean).join(": ");
  return found.violations.map(one => [one.impact, one.id, one.help, one.nodes.map(place)]);
}"""


Axe = Callable[[Page], list[Finding]]


@pytest.fixture(scope="session")
def axe() -> Axe:
    """What axe-core finds on a page as it is now.

    The script comes in through the debugger's door, so that the page keeps its content policy.
    """
    if not AXE.exists():
        words = "no axe-core here: scripts/test installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    source = AXE.read_text()

    def look(page: Page) -> list[Finding]:
        if not page.evaluate("'axe' in window"):
            page.evaluate(source)
        found = page.evaluate(_RUN, _RULES)
        return [Finding(impact, rule, words, tuple(at)) for impact, rule, words, at in found]

    return look
