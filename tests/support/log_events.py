"""Valid events for tests of the log itself: decided ones of any stream, observed ones of a stream each."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.pending import Pending

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Events:
    """Builds valid events: `decided` ones of any stream, `observed` ones of a stream each."""

    cause = Cause(actor="system:test", correlation_id=UUID(int=1))

    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending:
        event = GapDetected(cluster_id="c1", epoch=1, first=number, last=number)
        return Pending(stream_id, version, event, NOON, self.cause)

    def observed(self, stream_id: UUID | None = None, number: int = 0) -> Pending:
        event = Reported(
            cluster_id="c1",
            source="kubelet",
            severity=Severity.HIGH,
            reason="BackOff",
            message="restarting failed container",
            labels=Labels(kind="Pod", name="web-1"),
            agent_id="a1",
            epoch=1,
            sequence=number,
        )
        return Pending(stream_id or UUID(observation_id("c1", NOON, uuid4())), 1, event, NOON, self.cause)

    def reports(self, count: int) -> list[StoredEvent]:
        return [self.observed(number=number).stored() for number in range(1, count + 1)]
