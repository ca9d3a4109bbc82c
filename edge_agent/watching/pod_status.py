"""What a pod's status says: the failures that no event tells reliably (events are rate-limited and expire; a status stays), and that they are over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.event_reasons import EventReasons, Surface
from aetherius.domain.wire.event import Labels, RawData
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import Container, ContainerStatus, Pod, Terminated, Waiting
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.standing import PLANNED, excuse_of_pod

SOURCE: Final = "container_status"
POD_SOURCE: Final = "pod_status"
FAILED: Final = "PodFailed"
"""A pod that will not run again, and does not say why."""
STOPPED: Final = "stopped"
REPLACED: Final = "replaced"
_HARMLESS_WAITS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_SHUTDOWNS: Final = frozenset({"Shutdown", "NodeShutdown", "Terminated"})
"""Why a kubelet ended a pod as its node was shut down in order."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class PodStatusClassifier:
    """Turns what a pod's status says now into observations. The same state always gives the same ids, so repeats are dropped by id."""

    def __init__(self, cluster_id: str, catalogue: EventReasons, owners: Owners) -> None:
        self._cluster_id = cluster_id
        self._catalogue = catalogue
        self._owners = owners

    def failures(self, pod: Pod, now: datetime) -> list[Observation]:
        """Every failing state that the pod shows now. A pod that was told to go is let die, and one that is done may have ended as it liked."""
        if excuse_of_pod(pod):
            return []
        return [*self._of_pod(pod), *self._of_containers(pod, now)]

    def _of_containers(self, pod: Pod, now: datetime) -> Iterator[Observation]:
        excuse = STOPPED if pod.status.reason or pod.status.phase == "Failed" else ""
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
            if not _ended_with_its_pod(pod, status):
                yield from self._of_container(pod, status, excuse, now)

    def _of_container(self, pod: Pod, status: ContainerStatus, excuse: str, now: datetime) -> Iterator[Observation]:
        waiting = status.state.waiting
        if (last := status.last_state.terminated) and _failed(last):
            yield self._ended(pod, status, last, excuse, present=waiting is not None)
        if (ended := status.state.terminated) and _failed(ended):
            yield self._ended(pod, status, ended, excuse, present=True)
        if waiting and waiting.reason not in _HARMLESS_WAITS:
            yield self._waiting(pod, status, waiting, excuse, now)

    def _ended(
        self, pod: Pod, status: ContainerStatus, ended: Terminated, excuse: str, *, present: bool
    ) -> Observation:
        # One end is seen twice, in `state` and then in `lastState`; its time names it, as the restart count has moved on by then.
        at = ended.finished_at or began(pod)
        which = ended.finished_at.isoformat() if ended.finished_at else status.restart_count
        message = f"container {status.name} ended: {ended.reason or 'Error'}, exit code {ended.exit_code}"
        if ended.message:
            message += f": {ended.message}"
        raw = _raw(pod, status, at, at, ended.exit_code)
        return self._of_status(pod, status, ended.reason or "Error", message, at, which, raw, excuse, present=present)

    def _waiting(self, pod: Pod, status: ContainerStatus, waiting: Waiting, excuse: str, now: datetime) -> Observation:
        message = waiting.message or f"container {status.name} waits: {waiting.reason}"
        last = status.last_state.terminated
        exit_code = last.exit_code if last and waiting.reason == "CrashLoopBackOff" else None
        at = last.finished_at if last and last.finished_at else began(pod)
        raw = _raw(pod, status, at, max(at, now), exit_code)
        which = status.restart_count
        return self._of_status(pod, status, waiting.reason, message, at, which, raw, excuse, present=True)

    def _of_status(
        self,
        pod: Pod,
        status: ContainerStatus,
        reason: str,
        message: str,
        at: datetime,
        which: object,
        raw: RawData,
        excuse: str,
        *,
        present: bool,
    ) -> Observation:
        named = (status.name, reason, which)
        return self._observation(pod, SOURCE, reason, message, at, named, raw, excuse, failing=True, present=present)

    def _of_pod(self, pod: Pod) -> Iterator[Observation]:
        """Why the kubelet refused, evicted or ended the pod as a whole."""
        reason = pod.status.reason or (FAILED if pod.status.phase == "Failed" else "")
        if not reason:
            return
        at = _changed(pod)
        excuse = self._excuse_of_failed(pod)
        named = (reason, excuse) if excuse else (reason,)  # what is excused no more is news
        raw = RawData(first_timestamp=at, last_timestamp=at)
        message = pod.status.message or _why_failed(pod)
        failing = True if not excuse else None
        yield self._observation(pod, POD_SOURCE, reason, message, at, named, raw, excuse, failing=failing, present=True)

    def _excuse_of_failed(self, pod: Pod) -> str:
        if pod.status.reason in _SHUTDOWNS:
            return PLANNED
        controller = pod.metadata.controller
        if controller is None or controller.kind == "Node":
            return ""
        given_up = controller.kind == "Job" and self._owners.has_given_up(pod.metadata.namespace, controller.name)
        return "" if given_up else REPLACED

    def _observation(
        self,
        pod: Pod,
        source: str,
        reason: str,
        message: str,
        at: datetime,
        named: tuple[object, ...],
        raw: RawData,
        excuse: str,
        *,
        failing: bool | None,
        present: bool,
    ) -> Observation:
        surface: Surface = "container_status" if source == SOURCE else "pod_status_reason"
        found = self._catalogue.lookup(
            reason, kind="Pod", source="kubelet", event_type="Warning", message=message, surface=surface
        )
        return Observation(
            id=observation_id(self._cluster_id, at, pod.metadata.uid, *named),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=source,
            severity=found.severity,
            reason=reason,
            message=shortened(mask_start(message, MAX_MESSAGE)),
            namespace=pod.metadata.namespace,
            labels=labels_of(pod, self._owners),
            raw_data=raw,
            uid=pod.metadata.uid,
            resource_version=pod.metadata.resource_version,
            excuse=excuse,
            failing=failing,
            present=present,
        )


def labels_of(pod: Pod, owners: Owners) -> Labels:
    """The pod and its workload, as reports name them."""
    owner = owners.top("Pod", pod.metadata.namespace, pod.metadata.name)
    return Labels(
        kind="Pod",
        name=pod.metadata.name,
        node=pod.spec.node_name,
        owner_kind=owner.kind,
        owner_name=owner.name,
    )


def began(pod: Pod) -> datetime:
    """About when a container began to wait for the first time (its status does not say): when the pod came to its node, or its last init container
    ended. It never goes back."""
    bound = pod.condition("PodScheduled")
    start = (bound.last_transition_time if bound else None) or pod.metadata.creation_timestamp or _EPOCH
    ends = [each.state.terminated.finished_at for each in pod.status.init_container_statuses if each.state.terminated]
    return max([start, *(at for at in ends if at)])


def _changed(pod: Pod) -> datetime:
    """When it stopped being well."""
    ready = pod.condition("Ready")
    return (ready.last_transition_time if ready else None) or pod.status.start_time or began(pod)


def _failed(ended: Terminated) -> bool:
    return bool(ended.exit_code) or ended.reason == "OOMKilled"


def _ended_with_its_pod(pod: Pod, status: ContainerStatus) -> bool:
    """A sidecar that was stopped because the containers it served are done."""
    if status.state.terminated is None or _spec(pod, status.name).restart_policy != "Always":
        return False
    mains = pod.status.container_statuses
    return bool(mains) and all(each.state.terminated for each in mains)


def _why_failed(pod: Pod) -> str:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    ends = [(each.name, each.state.terminated) for each in statuses if each.state.terminated]
    said = [f"{name}: {end.reason or 'Error'}, exit code {end.exit_code}" for name, end in ends if _failed(end)]
    return "the pod failed" + (f" ({'; '.join(said)})" if said else "")


def _raw(pod: Pod, status: ContainerStatus, first: datetime, last: datetime, exit_code: int | None) -> RawData:
    spec = _spec(pod, status.name)
    return RawData(
        first_timestamp=first,
        last_timestamp=last,
        container=status.name,
        exit_code=exit_code,
        restart_count=status.restart_count,
        memory_limit=str(spec.resources.limits.get("memory", "")),
        image=spec.image or status.image,
    )


def _spec(pod: Pod, container: str) -> Container:
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    return next((each for each in containers if each.name == container), Container(name=container))
