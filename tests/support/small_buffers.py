"""`python -m aetherius.cli.main`, with little room in the kernel for what its servers send.

By itself the kernel keeps as much for a client who does not read as the machine's settings allow: megabytes on one machine, many times that on another.
"""

from __future__ import annotations

import runpy
import socket
from typing import Final

SENDING: Final = 64 * 2**10
"""Bytes; the kernel doubles them. What a listening socket has, its connections have."""


class SmallSocket(socket.socket):
    """A socket whose connections buffer little."""

    def listen(self, backlog: int = 128, /) -> None:
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENDING)
        super().listen(backlog)


if __name__ == "__main__":
    socket.socket = SmallSocket  # type: ignore[misc]
    runpy.run_module("aetherius.cli.main", run_name="__main__")
