"""A gate before a server: connections pass while it is open; closed, all are cut and new ones are refused."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self
from urllib.parse import urlsplit


class Gate:
    """A port of its own in front of a `nats://` address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._behind = (parts.hostname or "", parts.port or 4222)
        self._listener = _listen(0)
        self._port: int = self._listener.getsockname()[1]
        self._passing: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The address of the gate."""
        return f"nats://127.0.0.1:{self._port}"

    @contextlib.contextmanager
    def open(self) -> Iterator[Self]:
        """Open for the length of the block."""
        self._accept()
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        """Cut every connection and refuse new ones; safe to repeat."""
        _end(self._listener)  # ends the thread that waits in accept
        with self._lock:
            passing, self._passing = self._passing, []
        for each in passing:
            _end(each)
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def reopen(self) -> None:
        """Let connections pass again."""
        self._listener = _listen(self._port)
        self._accept()

    def _accept(self) -> None:
        self._begin(self._serve, self._listener)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listener.accept()
            except OSError:  # closed
                return
            try:
                self._pass(visitor, socket.create_connection(self._behind, timeout=5))
            except OSError:
                visitor.close()

    def _pass(self, visitor: socket.socket, server: socket.socket) -> None:
        server.settimeout(None)
        with self._lock:
            self._passing += [visitor, server]
        self._begin(_copy, visitor, server)
        self._begin(_copy, server, visitor)

    def _begin(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        thread = threading.Thread(target=work, args=sockets, name="gate", daemon=True)
        thread.start()
        self._threads.append(thread)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        _end(target)
        _end(source)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener
