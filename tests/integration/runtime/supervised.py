"""A program for test_supervisor: supervises PostgreSQL, NATS and a stubborn child on the folder in argv, and prints their pids as JSON once ready."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aetherius.runtime.child import ChildSpec
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.process import service_main
from aetherius.runtime.supervisor import Supervisor
from aetherius.runtime.telemetry import configure_logging

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(int(sys.argv[2]), b"READY")
time.sleep(600)
"""


async def run(stop: asyncio.Event) -> None:
    folder = Path(sys.argv[1])
    async with Supervisor(folder, stop_within=3) as supervisor:
        postgres, nats = EmbeddedPostgres(folder / "postgres"), EmbeddedNats(folder / "nats")
        await postgres.prepare()
        await nats.prepare()
        await supervisor.start(postgres.child(), nats.child())
        await supervisor.start(ChildSpec(name="stubborn", argv=(sys.executable, "-c", STUBBORN), ready_by_fd=True))
        print(json.dumps({name: supervisor.pid(name) for name in ("postgres", "nats", "stubborn")}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    configure_logging("supervised")
    sys.exit(service_main(run))
