"""A service's process: how it stops and which exit code says why."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from aetherius.runtime.process import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNAVAILABLE

PROGRAM = """
import asyncio, sys
from aetherius.runtime.errors import PortTakenError
from aetherius.runtime.process import run_until, service_main
from aetherius.runtime.telemetry import configure_logging

async def endless():
    await asyncio.Event().wait()

async def ends():
    pass

async def port_taken():
    raise PortTakenError(1, "the test")

async def bug():
    raise KeyError("bug")

async def run(stop):
    print("running", flush=True)
    if sys.argv[1] == "deaf":
        await endless()
    if sys.argv[1] != "returns":
        await run_until(stop, ("endless", endless()), ("other", globals()[sys.argv[1]]()))

configure_logging("test", json=True)
sys.exit(service_main(run))
"""


def start(behaviour: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", PROGRAM, behaviour]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_the_service_to_stop(number: signal.Signals) -> None:
    with start("endless") as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == EXIT_OK


def test_a_second_signal_leaves_at_once() -> None:
    with start("deaf") as process:
        assert process.stdout
        process.stdout.readline()
        while process.poll() is None:
            process.terminate()
        assert process.returncode == EXIT_INTERRUPTED


@pytest.mark.parametrize(
    ("behaviour", "code", "said"),
    [
        ("ends", EXIT_FAULT, "other ended, though nothing asked it to stop"),
        ("returns", EXIT_FAULT, "the service ended, though nothing asked it to stop"),
        ("bug", EXIT_FAULT, "KeyError"),
        ("port_taken", EXIT_UNAVAILABLE, "port 1 on 127.0.0.1, wanted by the test, is taken"),
    ],
)
def test_a_service_that_fails_or_ends_says_why(behaviour: str, code: int, said: str) -> None:
    with start(behaviour) as process:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == code
        assert said in json.loads(errors.splitlines()[-1])["exception"]
