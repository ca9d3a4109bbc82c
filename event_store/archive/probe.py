"""Reads a damaged object to its end, in a process of its own: the library is known to abort on some bytes, and must not take an audit with it.

`python -m aetherius.event_store.archive.probe URL OBJECT` ends with 0 if whoever reads the same survives it, whatever the reading says.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Final

PATIENCE: Final = 600.0
"""Seconds that it may take: some gigabytes over a network."""


def survives(url: str, name: str) -> bool:
    """Whether an object can be read without the death of the reader."""
    command = [sys.executable, "-m", "aetherius.event_store.archive.probe", url, name]
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(  # noqa: S603  # our own module, on what our catalogue names
            command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _read(url: str, name: str) -> None:
    """As an inspection does it."""
    from aetherius.event_store.archive.inspection import UNREADABLE, opened, readable

    for checked in (True, False):
        try:
            events = opened(url, name, checked=checked)
        except UNREADABLE:
            continue
        for index, _ in enumerate(events.spans()):
            readable(events, index)


if __name__ == "__main__":
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    _read(*sys.argv[1:3])
    sys.stdout.flush()
    os._exit(0)
