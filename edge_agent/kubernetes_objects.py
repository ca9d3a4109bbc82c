"""The parts of Kubernetes objects that the agent reads: typed, and small (everything else is skipped while decoding)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

ZONE: Final = "topology.kubernetes.io/zone"
"""Label of a node, and of a volume: the zone that it lies in."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown fields are skipped, absent ones take the default."""


class OwnerReference(_Part, frozen=True, kw_only=True):
    """Who made an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(_Part, frozen=True, kw_only=True):
    """Names and times of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    """Set: it was told to go."""
    owner_references: tuple[OwnerReference, ...] = ()
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages the object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Condition(_Part, frozen=True, kw_only=True):
    """One condition of a status."""

    type: str
    status: str = ""
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: datetime | None = None


class Waiting(_Part, frozen=True, kw_only=True):
    """A container that does not run yet, or again."""

    reason: str = ""
    message: str = ""


class Terminated(_Part, frozen=True, kw_only=True):
    """A container that has ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(_Part, frozen=True, kw_only=True):
    """At most one of them is set."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Part, frozen=True, kw_only=True):
    """What the kubelet says about a container."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0
    image: str = ""


class Resources(_Part, frozen=True, kw_only=True):
    """Quantities as written."""

    limits: dict[str, str | int | float] = {}
    requests: dict[str, str | int | float] = {}


class Container(_Part, frozen=True, kw_only=True):
    """A container of a pod's spec."""

    name: str
    image: str = ""
    resources: Resources = Resources()
    restart_policy: str = ""
    """Its own; `Always` makes a sidecar of an init container."""


class Toleration(_Part, frozen=True, kw_only=True):
    """A taint that a pod bears."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class PodSpec(_Part, frozen=True, kw_only=True):
    """A pod as wanted."""

    node_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    restart_policy: str = "Always"
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()


class PodStatus(_Part, frozen=True, kw_only=True):
    """A pod as it is."""

    phase: str = ""
    reason: str = ""
    """Of the pod itself: why the kubelet refused or evicted it."""
    message: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(_Part, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of a type, if the pod has it."""
        return next((each for each in self.status.conditions if each.type == kind), None)


class Taint(_Part, frozen=True, kw_only=True):
    """A mark on a node that keeps pods away."""

    key: str
    value: str = ""
    effect: str = ""


class NodeSpec(_Part, frozen=True, kw_only=True):
    """A node as wanted."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(_Part, frozen=True, kw_only=True):
    """A node as it is."""

    conditions: tuple[Condition, ...] = ()
    allocatable: dict[str, str | int | float] = {}


class Node(_Part, frozen=True, kw_only=True):
    """A node."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> Condition | None:
        """The Ready condition, if the node has it."""
        return next((each for each in self.status.conditions if each.type == "Ready"), None)


class ReplicaSetStatus(_Part, frozen=True, kw_only=True):
    """A ReplicaSet as it is."""

    available_replicas: int = 0


class ReplicaSet(_Part, frozen=True, kw_only=True):
    """A ReplicaSet: one revision of a Deployment."""

    metadata: Metadata
    status: ReplicaSetStatus = ReplicaSetStatus()


class JobStatus(_Part, frozen=True, kw_only=True):
    """A Job as it is."""

    conditions: tuple[Condition, ...] = ()


class Job(_Part, frozen=True, kw_only=True):
    """A Job."""

    metadata: Metadata
    status: JobStatus = JobStatus()

    @property
    def end(self) -> Condition | None:
        """The condition by which it says that it has ended, `Failed` or `Complete`; None for one that goes on."""
        ends = (each for each in self.status.conditions if each.type in ("Failed", "Complete"))
        return next((each for each in ends if each.status == "True"), None)


class ObjectReference(_Part, frozen=True, kw_only=True):
    """What an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class EventSource(_Part, frozen=True, kw_only=True):
    """Who reported an event (core/v1's way)."""

    component: str = ""
    host: str = ""


class EventSeries(_Part, frozen=True, kw_only=True):
    """A repeated event (events.k8s.io's way)."""

    count: int = 0
    last_observed_time: datetime | None = None


class ClusterEvent(_Part, frozen=True, kw_only=True):
    """An event of the API."""

    metadata: Metadata
    involved_object: ObjectReference = ObjectReference()
    reason: str | None = ""
    message: str | None = ""
    type: str | None = ""
    source: EventSource = EventSource()
    reporting_component: str | None = ""
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None


Watched = ClusterEvent | Pod | Node | ReplicaSet | Job
T = TypeVar("T", bound=Watched)

WATCHED: Final[Mapping[str, type[Watched]]] = {
    "Event": ClusterEvent,
    "Pod": Pod,
    "Node": Node,
    "ReplicaSet": ReplicaSet,
    "Job": Job,
}
"""By the kind's name."""


def read_object(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """An object as the API server wrote it; a null stands for a field that is absent.

    Raises:
        msgspec.DecodeError, ValueError: it is none of that kind.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return msgspec.convert(_without_nulls(msgspec.json.decode(raw)), kind)


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value if each is not None]
        case _:
            return value
