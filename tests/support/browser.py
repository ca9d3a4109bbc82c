"""A headless Chromium, driven by its debugging protocol over a WebSocket."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

_WITHIN = 30.0
FETCH = Path(__file__).parent / "chromium" / "fetch.sh"


def program() -> str | None:
    """The machine's own Chromium, else the one that was fetched; None for none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(str(_fetched()))


def missing_program() -> list[str]:
    """What a browser needs and this machine does not have."""
    return [] if program() else ["the browser"]


def _fetched() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AETHERIUS_TEST_BIN") or cache / "aetherius" / "bin") / "chromium" / "chromium"


class Browser:
    """Use as `with Browser(program, profile) as browser`; `profile` is an empty folder."""

    def __init__(self, program: str, profile: Path) -> None:
        self._profile = profile
        self._ids = itertools.count(1)
        self._violations: list[str] = []
        self._exits = ExitStack()
        self._process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        try:
            self._socket = self._exits.enter_context(connect(self._page(), max_size=None, open_timeout=_WITHIN))
            self._call("Runtime.enable")
            self._call("Log.enable")
            self._call("Page.enable")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
        self._stop()

    def open(self, url: str) -> None:
        """Go to a page."""
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        deadline = time.monotonic() + _WITHIN
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"{expression} never held: {self._violations}"
            time.sleep(0.05)

    def violations(self) -> list[str]:
        """What the page's security policy refused, as the browser logged it."""
        return self._violations

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(_WITHIN))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: Any) -> None:
        if message.get("method") == "Log.entryAdded":
            text = message["params"]["entry"]["text"]
            if "Content Security Policy" in text:
                self._violations.append(text)

    def _page(self) -> str:
        deadline, file = time.monotonic() + _WITHIN, self._profile / "DevToolsActivePort"
        while not (file.exists() and file.read_text().strip()):
            assert self._process.poll() is None, "Chromium ended"
            assert time.monotonic() < deadline, "Chromium does not come up"
            time.sleep(0.05)
        port = file.read_text().split()[0]
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                for target in json.load(answer):
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
            assert time.monotonic() < deadline, "Chromium has no page"
            time.sleep(0.05)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._end_children()

    def _end_children(self) -> None:
        """They outlive it for a moment, and write into the profile meanwhile."""
        deadline = time.monotonic() + _WITHIN
        with suppress(ProcessLookupError):
            while True:
                os.killpg(self._process.pid, signal.SIGKILL)
                assert time.monotonic() < deadline, "Chromium's children do not end"
                time.sleep(0.05)
