"""Events of clusters of any name, for tests of filters."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Dispatched, Issued
from aetherius.domain.event import Cause
from aetherius.domain.strategy import Selected
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.pending import Pending

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="system:test")


def report(cluster: str) -> Pending:
    event = Reported(
        cluster_id=cluster,
        source="kubelet",
        severity=Severity.LOW,
        reason="BackOff",
        message='about "cluster_id":"rare" of another cluster',
        labels=Labels(kind="Pod", name="web-1"),
        agent_id="a1",
        epoch=1,
        sequence=1,
    )
    return Pending(UUID(observation_id(cluster, NOON, uuid4())), 1, event, NOON, CAUSE)


def a_command(cluster: str) -> list[Pending]:
    """Two events of a stream, of which only the first one names the cluster."""
    id = uuid4()
    issued = Issued(
        cluster_id=cluster,
        type=CommandType.DIAGNOSTIC,
        tool="kubectl",
        action="get",
        args=[],
        namespace="shop",
        timeout="30s",
        issued_by="test",
        expires_at=NOON,
    )
    return [Pending(id, 1, issued, NOON, CAUSE), Pending(id, 2, Dispatched(), NOON, CAUSE)]


def a_choice() -> Pending:
    """Names no cluster: concerns all of them."""
    event = Selected(incident_id=uuid4(), workflow_id=uuid4(), strategy="s", workflow="w", because="b")
    return Pending(uuid4(), 1, event, NOON, CAUSE)


def a_gap(cluster: str) -> Pending:
    return Pending(uuid4(), 1, GapDetected(cluster_id=cluster, epoch=1, first=1, last=1), NOON, CAUSE)
