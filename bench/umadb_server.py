"""UmaDB, an event store with a server and a file of its own, to measure beside."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import umadb
from eventsourcing.persistence import StoredEvent

_WITHIN = 10.0


@contextmanager
def served(folder: Path) -> Iterator[Any]:
    """A client of a new server, which keeps its file in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = Path(sys.executable).with_name("umadb")
    command = [str(program), "--listen", address, "--db-path", str(folder / "events.db")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with _connected(f"http://{address}") as client:
                yield client
        finally:
            server.terminate()


def _connected(url: str) -> Any:
    until = time.monotonic() + _WITHIN
    while True:
        try:
            client = umadb.Client(url)
            client.head()
        except umadb.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return client


def append(client: Any, source: str, number: int, events: Sequence[StoredEvent], *, tagged: bool) -> Callable[[], None]:
    """An append with its checkpoint, of events made before. `tagged`: each by its stream, as is needed to find or to recognise it again."""
    made = [
        umadb.Event(event.topic, event.state, [str(event.originator_id)] if tagged else [], event.originator_id)
        for event in events
    ]
    checkpoint = umadb.TrackingInfo(source, number)
    return lambda: client.append(made, tracking_info=checkpoint)
