"""An agent manager that is killed by SIGKILL right after its first commit of events, before it acknowledges them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

from eventsourcing.persistence import StoredEvent

from aetherius.agent_manager.service import run
from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.event_store.log import Log

_ingest = Log.ingest


def _ingest_and_die(self: Log, stored: Sequence[StoredEvent]) -> int:
    _ingest(self, stored)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    Log.ingest = _ingest_and_die  # type: ignore[method-assign]
    asyncio.run(run(AgentManagerSettings.from_environment(os.environ), asyncio.Event()))
