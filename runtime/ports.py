"""Ports on 127.0.0.1 for servers of our own, kept from run to run where nobody took them meanwhile."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

from aetherius.runtime.errors import PortTakenError


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_SERVERS: Final = range(20_000, 32_768)
"""Below the ports that the kernel lends to clients (`net.ipv4.ip_local_port_range`): among those, any connection of anybody may take a port between our choice
and our server's start, or while our server is away."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now, and that no client is lent meanwhile."""
    chosen = random.sample(_SERVERS, 100)
    return next((port for port in chosen if port_is_free(port)), 0) or _any_port()


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        lent: int = probe.getsockname()[1]
        return lent


def kept_port(file: Path, wanted: int = 0) -> int:
    """The port for a server: the wanted one, else the one it had last time if free, else any; remembered in `file`.

    Raises:
        PortTakenError: another program has the wanted one. Safe to repeat.
    """
    if wanted and not port_is_free(wanted):
        raise PortTakenError(wanted, str(file.parent))
    last = int(file.read_text()) if file.exists() else 0
    port = wanted or (last if last and port_is_free(last) else free_port())
    file.write_text(f"{port}\n")
    return port
