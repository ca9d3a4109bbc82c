"""What a pod's status says about its containers: the failures that no event tells reliably (events are rate-limited and expire; a status stays)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.event_reasons import EventReasons
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import Container, ContainerStatus, Pod, Terminated, Waiting
from aetherius.edge_agent.redaction import mask_beginning
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.owners import Owners

SOURCE: Final = "container_status"
RECOVERED: Final = "PodRecovered"
_HARMLESS_WAITS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class PodStatusClassifier:
    """Turns a pod's container states into observations. The same state always gives the same ids, so repeats are dropped by id."""

    def __init__(self, cluster_id: str, catalogue: EventReasons, owners: Owners) -> None:
        self._cluster_id = cluster_id
        self._catalogue = catalogue
        self._owners = owners

    def failures(self, pod: Pod) -> list[Observation]:
        """Every failing state that the pod shows now. A pod that is being deleted is let die: its exit codes mean nothing, an OOM kill does."""
        return [
            observation
            for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
            for observation in self._of_container(pod, status)
            if pod.metadata.deletion_timestamp is None or observation.reason == "OOMKilled"
        ]

    def recovery(self, pod: Pod) -> Observation | None:
        """That a pod is Ready, or None while it is not. Whether it had failed before is the caller's to know."""
        ready = pod.condition("Ready")
        if ready is None or ready.status != "True" or pod.metadata.deletion_timestamp is not None:
            return None
        at = ready.last_transition_time or _EPOCH
        return Observation(
            id=observation_id(self._cluster_id, at, pod.metadata.uid, RECOVERED),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=SOURCE,
            severity=Severity.LOW,
            reason=RECOVERED,
            message="the pod is Ready again",
            namespace=pod.metadata.namespace,
            labels=self._labels(pod),
            raw_data=RawData(restart_count=sum(each.restart_count for each in pod.status.container_statuses)),
            uid=pod.metadata.uid,
            resource_version=pod.metadata.resource_version,
            failing=False,
        )

    def _of_container(self, pod: Pod, status: ContainerStatus) -> Iterator[Observation]:
        for ended in (status.last_state.terminated, status.state.terminated):
            if ended and (ended.exit_code or ended.reason == "OOMKilled"):
                yield self._ended(pod, status, ended)
        waiting = status.state.waiting
        if waiting and waiting.reason not in _HARMLESS_WAITS:
            yield self._waiting(pod, status, waiting)

    def _ended(self, pod: Pod, status: ContainerStatus, ended: Terminated) -> Observation:
        # One end is seen twice, in `state` and then in `lastState`; its time names it, as the restart count has moved on by then.
        at = ended.finished_at or began(pod)
        which = ended.finished_at.isoformat() if ended.finished_at else status.restart_count
        message = f"container {status.name} ended: {ended.reason or 'Error'}, exit code {ended.exit_code}"
        if ended.message:
            message += f": {ended.message}"
        return self._observation(pod, status, ended.reason or "Error", message, at, which, ended.exit_code)

    def _waiting(self, pod: Pod, status: ContainerStatus, waiting: Waiting) -> Observation:
        message = waiting.message or f"container {status.name} waits: {waiting.reason}"
        last = status.last_state.terminated
        exit_code = last.exit_code if last and waiting.reason == "CrashLoopBackOff" else None
        at = last.finished_at if last and last.finished_at else began(pod)
        return self._observation(pod, status, waiting.reason, message, at, status.restart_count, exit_code)

    def _observation(
        self,
        pod: Pod,
        status: ContainerStatus,
        reason: str,
        message: str,
        at: datetime,
        which: object,
        exit_code: int | None,
    ) -> Observation:
        found = self._catalogue.lookup(
            reason, kind="Pod", source="kubelet", event_type="Warning", message=message, surface="container_status"
        )
        return Observation(
            id=observation_id(self._cluster_id, at, pod.metadata.uid, status.name, reason, which),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=SOURCE,
            severity=found.severity,
            reason=reason,
            message=shortened(mask_beginning(message, MAX_MESSAGE)),
            namespace=pod.metadata.namespace,
            labels=self._labels(pod),
            raw_data=_raw(pod, status, at, exit_code),
            uid=pod.metadata.uid,
            resource_version=pod.metadata.resource_version,
            failing=True,
        )

    def _labels(self, pod: Pod) -> Labels:
        owner = self._owners.top("Pod", pod.metadata.namespace, pod.metadata.name)
        return Labels(
            kind="Pod",
            name=pod.metadata.name,
            node=pod.spec.node_name,
            owner_kind=owner.kind,
            owner_name=owner.name,
        )


def began(pod: Pod) -> datetime:
    """About when a container began to wait for the first time (its status does not say): when the pod came to its node. It never changes."""
    bound = pod.condition("PodScheduled")
    return (bound.last_transition_time if bound else None) or pod.metadata.creation_timestamp or _EPOCH


def _raw(pod: Pod, status: ContainerStatus, at: datetime, exit_code: int | None) -> RawData:
    spec = _spec(pod, status.name)
    return RawData(
        first_timestamp=at,
        last_timestamp=at,
        container=status.name,
        exit_code=exit_code,
        restart_count=status.restart_count,
        memory_limit=str(spec.resources.limits.get("memory", "")),
        image=spec.image or status.image,
    )


def _spec(pod: Pod, container: str) -> Container:
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    return next((each for each in containers if each.name == container), Container(name=container))
