"""Builds or fetches real servers in the background, while the tests that need none run.

`pytest --build-servers` starts the scripts where their tools are. A test that is marked with a server's name waits for its script, outside its own time limit;
where there is no server it is skipped. A script that fails fails the run, and the end of its log is shown. Without the option nothing is built: what is there is used.

A script that has nothing to do ends at once. The others are late, and their tests come last.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from built_servers import BUILDS, SERVERS, needed_by

_AT_ONCE: Final = 5.0
"""Seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--build-servers", action="store_true", help="build or fetch, beside the tests, the real servers that they need"
    )


def pytest_configure(config: pytest.Config) -> None:
    """In the process that was started by hand: the workers find the folder in their environment."""
    if config.getoption("build_servers") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Builds(config.rootpath / "build" / "servers"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait before the test's time limit begins."""
    for server in needed_by(item):
        server.wait()
    return (yield)


class _Builds:
    """The scripts of one run."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[BUILDS] = str(folder)
        self._running = {server: script for server in SERVERS if (script := server.begin(folder))}
        end = time.monotonic() + _AT_ONCE
        for server, script in self._running.items():
            try:
                script.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                (folder / f"{server.name}.late").touch()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End what nobody has waited for; a script that failed fails the run."""
        for script in self._running.values():
            if script.poll() is None:
                os.killpg(script.pid, signal.SIGTERM)
                script.wait()
        if session.exitstatus == 0 and any(server.failed() for server in self._running):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for server in self._running:
            if server.failed():
                terminalreporter.section(f"the build of the {server.title} failed", red=True)
                terminalreporter.write_line(server.log_tail())
