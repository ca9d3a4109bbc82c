"""The kinds that the simulated API server serves, as data."""

from __future__ import annotations

from dataclasses import dataclass

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Kind:
    """One kind: its names, its scope, its subresources and the fields that field selectors may name."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    has_generation: bool = False
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        """What may be done with it."""
        return _VERBS


_WORKLOAD = ("status", "scale")
STREAMS = ("exec", "attach", "portforward")
"""Subresources of a pod that need a process in it: known, so that they are refused in words."""

NAMESPACE = Kind(
    "Namespace", "namespaces", short=("ns",), namespaced=False, subresources=("status",), fields=("status.phase",)
)
NODE = Kind("Node", "nodes", short=("no",), namespaced=False, subresources=("status",), fields=("spec.unschedulable",))
POD = Kind(
    "Pod", "pods", short=("po",), subresources=("status", "log", "eviction", *STREAMS), categories=("all",), has_generation=True,
    fields=("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase", "status.podIP"),
)  # fmt: skip
SERVICE = Kind("Service", "services", short=("svc",), subresources=("status",), categories=("all",))
CONFIG_MAP = Kind("ConfigMap", "configmaps", short=("cm",))
SECRET = Kind("Secret", "secrets", fields=("type",))
EVENT = Kind(
    "Event", "events", short=("ev",),
    fields=("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
            "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"),
)  # fmt: skip
REPLICA_SET = Kind(
    "ReplicaSet", "replicasets", "apps", short=("rs",), subresources=_WORKLOAD, has_generation=True, categories=("all",)
)
DEPLOYMENT = Kind(
    "Deployment",
    "deployments",
    "apps",
    short=("deploy",),
    subresources=_WORKLOAD,
    has_generation=True,
    categories=("all",),
)
STATEFUL_SET = Kind("StatefulSet", "statefulsets", "apps", short=("sts",), subresources=_WORKLOAD, has_generation=True)
DAEMON_SET = Kind("DaemonSet", "daemonsets", "apps", short=("ds",), subresources=("status",), has_generation=True)
BUDGET = Kind(
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    "policy",
    short=("pdb",),
    subresources=("status",),
    has_generation=True,
)
LEASE = Kind("Lease", "leases", "coordination.k8s.io")

KINDS = (
    NAMESPACE, NODE, POD, SERVICE, CONFIG_MAP, SECRET, EVENT, REPLICA_SET, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, BUDGET, LEASE,
)  # fmt: skip
BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
