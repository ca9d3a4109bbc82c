"""`aetherius demo` as a user runs it: the show, the queries that it prints, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aetherius.runtime.parent_death import guarded

SHOW_WITHIN = 240.0
STOP_WITHIN = 10.0


class Demo:
    """A running demo, in a working folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                guarded(
                    [sys.executable, "-m", "aetherius.cli.main", "demo", "--data", str(folder / "data")], signal.SIGKILL
                ),
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, words: str, within: float) -> str:
        """The output, once it says these words."""
        deadline = time.monotonic() + within
        while words not in (said := self.output.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, f"no {words!r} within {within:g} s:\n{said}"
            time.sleep(0.1)
        return said

    def interrupt(self) -> float:
        """Ctrl-C; how many seconds it took to stop."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=STOP_WITHIN + 20)
        return time.monotonic() - begun

    def processes_left(self) -> list[str]:
        """Command lines of processes that still speak of this folder."""
        left = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in line and int(each.parent.name) != os.getpid():
                left.append(line)
        return left


@pytest.fixture
def demo(open_folder: Path) -> Iterator[Demo]:
    folder = open_folder / f"demo-{time.monotonic_ns()}"
    folder.mkdir()
    folder.chmod(0o711)
    running = Demo(folder)
    yield running
    running.process.kill()
    running.process.wait()


def printed_queries(said: str) -> list[tuple[str, dict[str, str], str]]:
    """URL, headers and body of each curl command in the output."""
    found = []
    for line in re.findall(r"^curl .*$", said, re.MULTILINE):
        words = shlex.split(line)
        url, body = words[2], words[words.index("-d") + 1]
        token = Path(re.search(r"cat ([^)]+)\)", line)[1]).read_text().strip()  # type: ignore[index]
        found.append((url, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, body))
    return found


def ask(query: tuple[str, dict[str, str], str]) -> dict[str, Any]:
    url, headers, body = query
    answer: dict[str, Any] = httpx2.post(url, headers=headers, content=body).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


@pytest.mark.timeout(600)
def test_the_demo_repairs_all_four_faults_answers_its_queries_and_leaves_nothing_behind(demo: Demo) -> None:
    said = demo.until("serving until Ctrl-C", SHOW_WITHIN)
    summary = json.loads((demo.folder / "build" / "demo.json").read_text())
    assert [fault["wrong"] for fault in summary["faults"]] == ["", "", "", ""]
    assert summary["ok"] is True

    now, before, history = printed_queries(said)
    statuses = [edge["node"]["status"] for edge in ask(now)["incidents"]["edges"]]
    assert statuses == ["RESOLVED"] * 4
    as_of = [edge["node"]["status"] for edge in ask(before)["incidents"]["edges"]]
    assert as_of == ["DIAGNOSED"], "just before the first repair there was one incident, diagnosed and not yet repaired"
    assert ask(history)["history"][0]["entry"]["type"] == "Incident.Opened"

    assert demo.interrupt() < STOP_WITHIN
    assert demo.processes_left() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", ["postgres ready", "api ready", "strategy"])
def test_ctrl_c_at_any_moment_stops_everything_within_ten_seconds(demo: Demo, moment: str) -> None:
    demo.until(moment, SHOW_WITHIN)
    assert demo.interrupt() < STOP_WITHIN
    assert demo.processes_left() == []
    assert demo.process.returncode == 130


@pytest.mark.timeout(300)
def test_a_kill_of_the_demo_leaves_no_process_behind(demo: Demo) -> None:
    demo.until("both agents online", SHOW_WITHIN)
    demo.process.kill()
    demo.process.wait()
    deadline = time.monotonic() + 10
    while (left := demo.processes_left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
