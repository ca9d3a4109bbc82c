"""Live subscriptions: from the moment before an append to the arrival at a GraphQL client, over server-sent events, at two rates.

The real `serve api` process, PostgreSQL, one writing process and one client that asks for two fields of every report, all on one machine.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.cli.demo.api import Api
from aetherius.cli.tables import create_tables
from aetherius.domain.errors import InfrastructureError
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.ports import free_port

RATES: Final = {5_000: 100.0, 16_700: 1_000.0}
"""Events a second, and the milliseconds that the 99th percentile is to stay below."""
WARM_UP, SECONDS = 3.0, 15.0
_EVENTS: Final = """subscription($after: Position) {
  eventPages(after: $after, filter: {clusterId: "bench"}) { position events { occurredAt reason } }
}"""


async def measure() -> list[dict[str, Any]]:
    """The rows `subscription.p99`, at 5,000 events/s, and `subscription.p99.16700`."""
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        try:
            dsn = await server.start()
            await asyncio.to_thread(create_tables, dsn)
            async with _serving(dsn, folder) as api:
                return [await _measure(dsn, api, rate, wanted) for rate, wanted in RATES.items()]
        finally:
            await server.stop()


async def _measure(dsn: str, api: Api, rate: int, wanted: float) -> dict[str, Any]:
    program = Path(__file__).with_name("steady_writer.py")
    writer = await asyncio.create_subprocess_exec(sys.executable, program, dsn, str(rate))
    try:
        await asyncio.sleep(WARM_UP)
        latencies, seen = await _latencies(api)
    finally:
        writer.kill()
        await writer.wait()
    in_order = sorted(latencies)
    p99 = in_order[int(len(in_order) * 0.99)] * 1000
    return {
        "name": "subscription.p99" if rate == min(RATES) else f"subscription.p99.{rate}",
        "value": round(p99, 1),
        "unit": "ms",
        "reference": f"the {wanted:,.0f} ms allowed",
        "ratio": round(p99 / wanted, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 2),
        "p99_ms": round(p99, 2),
        "events_per_second": round(seen),
    }


async def _latencies(api: Api) -> tuple[list[float], float]:
    """Seconds from append to arrival of each report, and how many arrived a second."""
    latencies: list[float] = []
    begun = time.monotonic()
    async for payload in api.subscribe(_EVENTS, after=await api.head()):
        now = datetime.now(UTC)
        latencies += [
            (now - datetime.fromisoformat(event["occurredAt"])).total_seconds()
            for event in payload["eventPages"]["events"]
        ]
        if time.monotonic() > begun + SECONDS:
            break
    return latencies, len(latencies) / (time.monotonic() - begun)


@asynccontextmanager
async def _serving(dsn: str, folder: Path) -> AsyncIterator[Api]:
    token, tokens, port = secrets.token_urlsafe(), folder / "tokens.json", free_port()
    write_tokens(tokens, {token: User("bench", Role.READER)})
    environment = {
        **os.environ,
        "AETHERIUS_POSTGRES_DSN": dsn,
        "AETHERIUS_TOKENS_FILE": str(tokens),
        "AETHERIUS_GRAPHQL_PORT": str(port),
        "AETHERIUS_STATE_KEYS": os.environ.get("AETHERIUS_STATE_KEYS", _KEY),
    }
    command = [sys.executable, "-m", "aetherius.cli.main", "serve", "api", "--log-level", "WARNING"]
    serving = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        async with Api(f"http://127.0.0.1:{port}/graphql", token) as api:
            await _until_ready(api)
            yield api
    finally:
        serving.terminate()
        await serving.wait()


async def _until_ready(api: Api) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await api.head()
                return
            except InfrastructureError:
                await asyncio.sleep(0.1)


_KEY: Final = "bench:" + "A" * 43 + "="
