"""A TCP proxy that can stop forwarding without closing anything: what a network that is cut looks like from both ends."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import ExitStack
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class BlackHole:
    """Forwards to a PostgreSQL until `swallow`. Use as `with BlackHole(dsn) as proxy`, and connect to `proxy.dsn`."""

    def __init__(self, dsn: str) -> None:
        known = conninfo_to_dict(dsn)
        self._server = str(known["host"]), int(str(known["port"]))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=str(self._listening.getsockname()[1]))
        self._swallowing = threading.Event()
        self._ended = threading.Event()
        self._sockets = ExitStack()
        self._thread = threading.Thread(target=self._run, name="black-hole")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def drop(self) -> None:
        """Close everything, as the network does at last; safe to repeat."""
        self._ended.set()
        self._thread.join()

    def swallow(self) -> None:
        """Forward no more, neither old connections nor new ones, and close none. The kernel goes on confirming what comes."""
        self._swallowing.set()

    def _run(self) -> None:
        with self._sockets, selectors.DefaultSelector() as selector:
            self._sockets.enter_context(self._listening)
            selector.register(self._listening, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in selector.select(timeout=0.02):
                    if self._swallowing.is_set():
                        self._ended.wait(0.02)
                    elif key.data is None:
                        self._accept(selector)
                    else:
                        _forward(selector, key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client = self._sockets.enter_context(self._listening.accept()[0])
        server = self._sockets.enter_context(socket.create_connection(self._server))
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)


def _forward(selector: selectors.BaseSelector, source: socket.socket, target: socket.socket) -> None:
    try:
        part = source.recv(65536)
        if part:
            target.sendall(part)
            return
    except OSError:
        pass
    for each in (source, target):
        if each in selector.get_map():
            selector.unregister(each)
        each.close()
