"""A process that ingests at a steady rate, as `serve agent_manager` does under load: `python bench/bulk_writer.py DSN EVENTS_A_SECOND`, until it is ended."""

from __future__ import annotations

import os
import sys
import time
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from aetherius.event_store.log import Log

BATCH = 2000
_STATE = b'{"data":"' + b"x" * 580 + b'"}'


def main() -> None:
    """Write a batch whenever one is due."""
    dsn, rate = sys.argv[1], float(sys.argv[2])
    with Log(dsn, pool_size=1) as log:
        due = time.monotonic()
        while True:
            log.ingest(_batch())
            due += BATCH / rate
            time.sleep(max(0.0, due - time.monotonic()))


def _batch() -> list[StoredEvent]:
    now = time.time_ns() // 1_000_000 << 80
    ids = (UUID(int=now | int.from_bytes(os.urandom(10))) for _ in range(BATCH))
    return [StoredEvent(id, 1, "ClusterEvent.Reported.v1", _STATE) for id in ids]


if __name__ == "__main__":
    main()
