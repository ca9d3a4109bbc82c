"""One simulated cluster as its parts see it: settings, store, clock and the recorder of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aetherius.simulator.documents import Document, annotations_of, labels_of, micro_stamp, name_of, stamp
from aetherius.simulator.event_recorder import EventRecorder
from aetherius.simulator.kinds import LEASE, NAMESPACE, NODE
from aetherius.simulator.object_store import ObjectStore
from aetherius.simulator.settings import SimulatorSettings

KUBELET_VERSION = "v1.37.1"
LOST_LABEL = ("aetherius.test/fault", "not-ready")
"""The label of a node that makes it lost: its kubelet stops at once, until the label is gone."""
CUT_OFF = "cut-off"
"""Another value of the label: the kubelet is not heard, but its machine runs on, and no cloud says that it is off."""
LEASE_NAMESPACE = "kube-node-lease"


@dataclass
class Cluster:
    """What controllers, kubelets and the API share."""

    settings: SimulatorSettings
    clock: Callable[[], datetime]
    store: ObjectStore = field(init=False)
    events: EventRecorder = field(init=False)

    def __post_init__(self) -> None:
        self.store = ObjectStore(self.clock, self.settings.history_limit)
        self.events = EventRecorder(self.store, self.clock, self.settings.events_limit)

    def furnish(self) -> None:
        """Create the namespaces that every cluster has, and the nodes."""
        for name in ("default", "kube-system", "kube-public", LEASE_NAMESPACE):
            self.store.create(NAMESPACE, namespace_document(name))
        for number in range(1, self.settings.nodes + 1):
            name = f"{self.settings.cluster}-node-{number}"
            self.store.create(NODE, {"metadata": {"name": name}} | _node(self.settings, name, number, self.clock()))

    def renew_lease(self, node: Document) -> None:
        """A node's sign of life."""
        name, now = name_of(node), self.clock()
        duration = max(1, round(self.settings.node_lease_seconds))  # four times as much in Kubernetes, which has time
        spec = {"holderIdentity": name, "leaseDurationSeconds": duration, "renewTime": micro_stamp(now)}
        if self.store.find(LEASE, LEASE_NAMESPACE, name) is None:
            self.store.create(LEASE, {"metadata": {"name": name, "namespace": LEASE_NAMESPACE}, "spec": spec})
            return
        lease = self.store.get(LEASE, LEASE_NAMESPACE, name)
        with self.store.modify(LEASE, lease) as draft:
            draft["spec"] = spec


def is_lost(node: Document) -> bool:
    """Whether the fault of a lost node is injected."""
    return labels_of(node).get(LOST_LABEL[0]) in (LOST_LABEL[1], CUT_OFF)


def is_shut_down(node: Document) -> bool:
    """Whether its machine is off, as the cloud would see."""
    return labels_of(node).get(LOST_LABEL[0]) == LOST_LABEL[1]


def fault(document: Document, name: str) -> str | None:
    """The value of a fault annotation `aetherius.test/NAME` of a pod."""
    return annotations_of(document).get(f"aetherius.test/{name}")


def namespace_document(name: str) -> Document:
    """A new namespace as the server stores it."""
    metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
    return {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def ready_conditions(now: datetime) -> list[Document]:
    """The conditions of a healthy node."""
    facts = {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
    }
    times = {"lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(now)}
    return [
        {"type": kind, "status": status, "reason": reason, "message": message} | times
        for kind, (status, reason, message) in facts.items()
    ]


def _node(settings: SimulatorSettings, name: str, number: int, now: datetime) -> Document:
    capacity = {"cpu": settings.node_cpu, "memory": settings.node_memory, "pods": "110"}
    address = f"10.0.0.{number}"
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    facts = {
        "architecture": "amd64", "operatingSystem": "linux", "osImage": "Aetherius simulator", "kernelVersion": "6.12.0",
        "containerRuntimeVersion": "simulated://1.0", "kubeletVersion": KUBELET_VERSION, "kubeProxyVersion": "",
        "machineID": name, "systemUUID": name, "bootID": name,
    }  # fmt: skip
    status = {
        "capacity": capacity, "allocatable": dict(capacity), "conditions": ready_conditions(now), "nodeInfo": facts,
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
    }  # fmt: skip
    spec = {"podCIDR": f"10.244.{number}.0/24"}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}
