"""What a node's status says: ready, or not ready since when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.node_labels import labels_of_node
from aetherius.edge_agent.watching.node_plans import plan_of
from aetherius.edge_agent.watching.standing import excuse_of_node, excused_until

SOURCE: Final = "node_status"
NOT_READY: Final = "NodeNotReady"
READY: Final = "NodeReady"
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def readiness(cluster_id: str, node: Node, now: datetime) -> Observation | None:
    """What the node's Ready condition says; None for a node that has none yet. The same turn of the condition always gives the same id, but for a loss
    whose excuse has ended by `now`."""
    ready = node.ready
    if ready is None:
        return None
    well = ready.status == "True"
    reason = READY if well else NOT_READY
    said = f"Ready={ready.status} ({ready.reason or 'no reason'}): {ready.message or 'no message'}"
    said += _overdue(node, now)
    at = ready.last_transition_time or node.metadata.creation_timestamp or _EPOCH
    excuse = "" if well else excuse_of_node(node, now)
    named = (reason, excuse) if excuse else (reason,)  # a loss that is excused no more is news
    return Observation(
        id=observation_id(cluster_id, at, node.metadata.uid, *named),
        cluster_id=cluster_id,
        timestamp=at,
        source=SOURCE,
        severity=Severity.LOW if well else Severity.CRITICAL,
        reason=reason,
        message=shortened(mask_start(said, MAX_MESSAGE)),
        labels=labels_of_node(node),
        uid=node.metadata.uid,
        resource_version=node.metadata.resource_version,
        excuse=excuse,
        failing=not well,
        after_failure=well,
        present=True,
    )


def _overdue(node: Node, now: datetime) -> str:
    """That it was meant to be away, and is for too long; empty otherwise."""
    end = excused_until(node)
    return f"; {plan_of(node).words}, and is away for longer than that takes" if end and now >= end else ""
