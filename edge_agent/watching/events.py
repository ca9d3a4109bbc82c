"""From an event of the Kubernetes API to an observation, by the catalogue of reasons.

Every event is reported, Normal ones too: some of the worst come as Normal, and the harmless ones are evidence of what changed before.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.event_reasons import EventReasons
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import ClusterEvent
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.node_status import NOT_READY
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.standing import Standing
from aetherius.edge_agent.watching.well_since import WellSince

_CONTAINER: Final = re.compile(r"ontainers\{([^{}]+)\}")
_RESTARTED: Final = re.compile(r"restarting failed container[ =](\S+)")
"""An event about the whole pod names the container only in its message."""
EPHEMERAL: Final = "ephemeral"
_NAMESPACE_FREE: Final = frozenset(
    {
        "Node",
        "Namespace",
        "PersistentVolume",
        "StorageClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSINode",
        "CSIDriver",
    }
    | {"CustomResourceDefinition", "NodeClaim", "NodePool", "VolumeAttachment", "PriorityClass", "IngressClass"}
)
"""Kinds whose events lie in some namespace, though their objects lie in none."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class EventClassifier:
    """Knows one cluster's name, the catalogue, and who owns what."""

    def __init__(
        self,
        cluster_id: str,
        catalogue: EventReasons,
        owners: Owners,
        standing: Standing | None = None,
        well: WellSince | None = None,
    ) -> None:
        """`standing`: what was meant to end; nothing, if None. `well`: what is well by now; not known of any, if None."""
        self._cluster_id = cluster_id
        self._catalogue = catalogue
        self._owners = owners
        self._standing = standing or Standing()
        self._well = well

    def classify(self, event: ClusterEvent) -> Observation:
        """The observation; the same event (or the same turn of a series) always gives the same id."""
        about = event.involved_object
        source = event.source.component or event.reporting_component or "unknown"
        reason, message = event.reason or "Unknown", event.message or ""
        found = self._catalogue.lookup(
            reason, kind=about.kind, source=source, event_type=event.type or "", message=message
        )
        at = observed_at(event)
        return Observation(
            id=observation_id(self._cluster_id, at, event.metadata.uid, _turn(event)),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=source,
            severity=found.severity,
            reason=reason,
            message=shortened(mask_start(message, MAX_MESSAGE)),
            namespace=namespace_of(event),
            labels=(labels := self._labels(event)),
            raw_data=_raw(event),
            excuse=(excuse := self._excuse(event, labels)),
            uid=self._uid(event),
            resource_version=event.metadata.resource_version,
            failing=True if not excuse and self._fails(event, source, found.severity) else None,
            hearsay=True,
        )

    def _uid(self, event: ClusterEvent) -> str:
        about = event.involved_object
        known = self._well if about.kind == "Pod" else None
        return known.uid_of(namespace_of(event), about.name, about.uid) if known else about.uid

    def _fails(self, event: ClusterEvent, source: str, severity: Severity) -> bool:
        """Whether the pod is to be told well again: of a mount that fails, or a pull, its status says nothing but that it waits."""
        about = event.involved_object
        if about.kind != "Pod" or source != "kubelet" or severity.rank < Severity.HIGH.rank or not self._uid(event):
            return False
        return not (self._well and self._well.is_ready(namespace_of(event), about.name))

    def _labels(self, event: ClusterEvent) -> Labels:
        about = event.involved_object
        namespace = namespace_of(event)
        owner = self._owners.top(about.kind, namespace, about.name)
        node = about.name if about.kind == "Node" else event.source.host
        if about.kind == "Pod":
            node = node or self._owners.node_of(namespace, about.name)
        return Labels(kind=about.kind, name=about.name, node=node, owner_kind=owner.kind, owner_name=owner.name)

    def _excuse(self, event: ClusterEvent, labels: Labels) -> str:
        about = event.involved_object
        if "ephemeralContainers{" in about.field_path:
            return EPHEMERAL
        if event.reason == NOT_READY:
            meant = self._standing.of_node(labels.node)
            return meant or (self._well.excuse_of_node(labels.node, observed_at(event)) if self._well else "")
        if about.kind != "Pod":
            return ""
        meant = self._standing.of_pod(namespace_of(event), about.name, about.uid)
        return meant or (
            self._well.excuse_of_pod(namespace_of(event), about.name, observed_at(event)) if self._well else ""
        )


def namespace_of(event: ClusterEvent) -> str:
    """That of the object it is about. Where the event does not say, it is the event's own: they lie together."""
    about = event.involved_object
    return "" if about.kind in _NAMESPACE_FREE else about.namespace or event.metadata.namespace


def observed_at(event: ClusterEvent) -> datetime:
    """When it happened, the last time; API versions and components fill different fields."""
    times = (
        event.series.last_observed_time if event.series else None,
        event.last_timestamp,
        event.event_time,
        event.first_timestamp,
        event.metadata.creation_timestamp,
    )
    return next((time for time in times if time), _EPOCH)


def _turn(event: ClusterEvent) -> str:
    """What tells one repetition from the next; without a count it is the version of the object."""
    count = event.series.count if event.series else event.count
    return f"n{count}" if count else event.metadata.resource_version


def _raw(event: ClusterEvent) -> RawData:
    named = _CONTAINER.search(event.involved_object.field_path) or _RESTARTED.search(event.message or "")
    return RawData(
        count=(event.series.count if event.series else event.count) or 1,
        first_timestamp=event.first_timestamp or event.event_time,
        last_timestamp=observed_at(event),
        container=named[1] if named else "",
    )
