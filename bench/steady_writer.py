"""A process that appends reports at a steady rate in small batches: `python bench/steady_writer.py DSN EVENTS_A_SECOND`, until it is ended.

Each report's time is the moment before its append.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, encode
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.log import Log

BATCHES = 100
"""A second."""
_CAUSE = Cause(actor="agent:bench")
_REPORT = Reported(
    cluster_id="bench",
    source="kubelet",
    severity=Severity.LOW,
    reason="Pulled",
    message="Container image already present on machine and can be accessed by the pod",
    namespace="shop",
    labels=Labels(kind="Pod", name="web-1", owner_kind="Deployment", owner_name="web"),
    agent_id="bench",
    epoch=1,
    sequence=1,
)


def main() -> None:
    """Write a batch whenever one is due."""
    dsn, rate = sys.argv[1], float(sys.argv[2])
    size = round(rate / BATCHES)
    with Log(dsn, pool_size=1) as log:
        due = time.monotonic()
        while True:
            log.ingest(_batch(size))
            due += size / rate
            time.sleep(max(0.0, due - time.monotonic()))


def _batch(size: int) -> list[StoredEvent]:
    now = datetime.now(UTC)
    state = encode(_REPORT, now, _CAUSE)
    return [StoredEvent(UUID(observation_id("bench", now, uuid4())), 1, Reported.topic, state) for _ in range(size)]


if __name__ == "__main__":
    main()
