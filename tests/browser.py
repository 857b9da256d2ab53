"""A headless browser over its debugging pipe: what a page asks for, what it complains of, how wide it is, and how it looks."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-extensions", "--no-first-run", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page of a browser.

    Attributes:
        events: every event so far, method and parameters.
    """

    def __init__(self, process: subprocess.Popen[bytes], into: int, out: int) -> None:
        self.process, self.into, self.out, self.events = process, into, out, list[tuple[str, dict[str, Any]]]()
        self._number, self._rest, self._session = 0, b"", ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        os.write(self.into, json.dumps({"id": self._number, "method": method, "params": parameters, **session}).encode() + b"\0")
        while (message := self._message()).get("id") != self._number:
            self.events.append((message.get("method", ""), message.get("params", {})))
        assert "error" not in message, message
        return message["result"]

    def open(self, path: Path | str, *, width: int, dark: bool = False, height: int = 900, scale: float = 1.0) -> None:
        """Load a file or an address at a width in pixels, and wait until it is there."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.ask("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'")

    def wait(self, expression: str) -> None:
        """Until an expression comes to true on the page."""
        give_up = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < give_up, f"never true: {expression}"
            time.sleep(0.05)

    def value(self, expression: str) -> Any:
        """What an expression comes to on the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it is printed."""
        path.write_bytes(base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"]))

    def close(self) -> None:
        """End the browser and the processes that it started."""
        self._session = ""
        self.ask("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)

    @property
    def requests(self) -> list[str]:
        """Everything that the page asked for but itself and what it carries."""
        urls = [parameters["request"]["url"] for method, parameters in self.events if method == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")][1:]

    @property
    def complaints(self) -> list[str]:
        """Console messages, exceptions and log entries, refused requests included."""
        return [json.dumps(p) for method, p in self.events if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self.out], [], [], PATIENCE)[0], "the browser does not answer"
            block = os.read(self.out, 1 << 20)
            assert block, "the browser went away"
            self._rest += block
        content, _, self._rest = self._rest.partition(b"\0")
        return json.loads(content)


@contextlib.contextmanager
def opened(*flags: str) -> Iterator[Browser]:
    """A browser, with more flags where they are given; the test is skipped where none is installed."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium here: pages are not opened, so nobody looks for requests, console errors and horizontal scrolling")
    theirs, into = os.pipe()
    out, ours = os.pipe()

    def wire() -> None:  # the pipe's ends are descriptors 3 and 4, by the protocol
        first, second = os.dup(theirs), os.dup(ours)
        os.dup2(first, 3)
        os.dup2(second, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [program, *FLAGS, *flags, f"--user-data-dir={profile}"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=wire, pass_fds=(3, 4))
        os.close(theirs)
        os.close(ours)
        try:
            yield (found := Browser(process, into, out))
            found.close()
        finally:
            process.kill()
            process.wait()
            os.close(into)
            os.close(out)
