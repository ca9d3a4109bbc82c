"""Load on one URL: a process of its own that posts bodies over kept connections, one request after another on each, and prints what it saw as JSON.

Raw sockets, as a client library would cost more than the servers that it measures: `http_load.py HOST PORT PATH CONNECTIONS SECONDS < bodies`, with a
line of headers first (JSON) and a body a line after it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last is whole."""

    def __init__(self, requests: Iterator[bytes], until: float, latencies: list[float], ended: asyncio.Event) -> None:
        self._requests = requests
        self._until = until
        self._latencies = latencies
        self._ended = ended
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : at + 30].split(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200") or b'"errors"' in body:
            raise SystemExit(f"refused: {head[:200]!r} {body[:500]!r}")
        self._latencies.append(time.perf_counter() - self._begun)
        self._buffer = b""
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()
            self._ended.set()

    def _send(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(next(self._requests))


async def _run(host: str, port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    headers, *bodies = [line.encode() for line in sys.stdin.read().splitlines()]
    lines = "".join(f"{name}: {value}\r\n" for name, value in json.loads(headers).items())
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{lines}".encode()
    requests = itertools.cycle([b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body) for body in bodies])
    latencies: list[float] = []
    begun, ended = time.perf_counter(), [asyncio.Event() for _ in range(connections)]
    loop = asyncio.get_running_loop()
    for event in ended:
        await loop.create_connection(
            lambda event=event: _Client(requests, begun + seconds, latencies, event), host, port
        )  # type: ignore[misc]
    async with asyncio.timeout(seconds + 30):
        for event in ended:
            await event.wait()
    taken, latencies = time.perf_counter() - begun, sorted(latencies)
    return {
        "rate": len(latencies) / taken,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    host, port, path, connections, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(_run(host, int(port), path, int(connections), float(seconds)))))
