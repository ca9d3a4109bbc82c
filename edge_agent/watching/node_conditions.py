"""What a node suffers from besides its readiness: shortages, and what the kernel, the runtime or the hardware do, as kubelets and detectors write it into
its conditions. Each turn is told once, with its end; none of it says that the node is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.event_reasons import EventReasons
from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import Condition, Node
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.node_labels import labels_of_node

SOURCE: Final = "node_status"
_TROUBLES: Final = re.compile(
    r"Pressure|Unavailable|Deadlock|Readonly|ReadOnly|Corrupt|Frequent|Problem|Unhealthy|Error|Fail|Fault|Hung|Shutdown|Down\Z|Bad|Full|Exhausted|Throttl"
)
"""Words of the types whose `True` is trouble. Of a type that has none of them nobody knows what `True` means (`EtcdIsVoter`)."""
_READY: Final = re.compile(r"\w(?:Ready|Healthy)\Z")
"""Types whose `False` is trouble (`ContainerRuntimeReady`); `Ready` itself is another matter."""
_CRITICAL: Final = re.compile(r"Deadlock|Readonly|ReadOnly|Shutdown|KernelReady|StorageReady|Fault")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def is_trouble(condition: Condition) -> bool | None:
    """Whether a condition says that something is wrong; None where it says nothing (`Unknown`), or is of a type that nobody knows."""
    if condition.status not in ("True", "False"):
        return None
    if _READY.search(condition.type):
        return condition.status == "False"
    if not _TROUBLES.search(condition.type):
        return None
    return condition.status == "True"


def troubles(node: Node) -> list[Condition]:
    """Those of its conditions that say that something is wrong now."""
    return [each for each in node.status.conditions if is_trouble(each)]


def turns(cluster_id: str, node: Node, catalogue: EventReasons) -> Iterator[Observation]:
    """What each condition says: trouble, or its end, which is news only after the trouble."""
    for each in node.status.conditions:
        wrong = is_trouble(each)
        if wrong is not None:
            yield _turn(cluster_id, node, each, catalogue, wrong=wrong)


def _turn(cluster_id: str, node: Node, said: Condition, catalogue: EventReasons, *, wrong: bool) -> Observation:
    at = said.last_transition_time or node.metadata.creation_timestamp or _EPOCH
    words = said.message or "no message"
    message = f"{said.type}={said.status} ({said.reason or 'no reason'}): {words}"
    return Observation(
        id=observation_id(cluster_id, at, node.metadata.uid, said.type, said.status),
        cluster_id=cluster_id,
        timestamp=at,
        source=SOURCE,
        severity=_severity(said, catalogue) if wrong else Severity.LOW,
        reason=said.reason or said.type,
        message=shortened(mask_start(message, MAX_MESSAGE)),
        labels=labels_of_node(node),
        uid=node.metadata.uid,
        resource_version=node.metadata.resource_version,
        failing=wrong,
        part=said.type,
        after_failure=not wrong,
        present=True,
    )


def _severity(said: Condition, catalogue: EventReasons) -> Severity:
    known = catalogue.lookup(said.reason or "", kind="Node", event_type="Warning", surface="condition")
    if known.entry_id:
        return known.severity
    return Severity.CRITICAL if _CRITICAL.search(said.type) else Severity.HIGH
