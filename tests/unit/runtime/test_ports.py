"""Ports for our servers are none that the kernel lends to clients."""

from __future__ import annotations

import socket

from aetherius.runtime.ports import free_port, port_is_free


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not port_is_free(port)


def test_no_client_is_lent_it_before_our_server_starts() -> None:
    lent = range(32_768, 61_000)  # unless the machine is set otherwise
    assert all(free_port() not in lent for _ in range(50))
