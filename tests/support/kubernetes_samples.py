"""Kubernetes objects as an API server sends them, for tests without a server."""

from __future__ import annotations

from typing import Any

import msgspec

from aetherius.edge_agent.kubernetes_objects import ClusterEvent, Node, Pod

Document = dict[str, Any]
BORN = "2026-03-01T08:00:00Z"
BOUND = "2026-03-01T08:00:01Z"
DIED = "2026-03-01T09:15:30Z"


def an_event(**fields: Any) -> ClusterEvent:
    """A kubelet's event about a container of a pod."""
    document: Document = {
        "metadata": {
            "name": "web-7d9c-x.18a1",
            "namespace": "shop",
            "uid": "event-uid",
            "resourceVersion": "4711",
            "creationTimestamp": BORN,
            "managedFields": [{"manager": "kubelet", "operation": "Update"}],
        },
        "involvedObject": {
            "kind": "Pod",
            "namespace": "shop",
            "name": "web-7d9c-x",
            "uid": "pod-uid",
            "fieldPath": "spec.containers{app}",
        },
        "reason": "BackOff",
        "message": "Back-off restarting failed container app in pod web-7d9c-x_shop(pod-uid)",
        "type": "Warning",
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": BORN,
        "lastTimestamp": DIED,
        "count": 3,
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": "node-1",
    }
    about = fields.pop("involvedObject", {})
    document = {**document, **fields}
    document["involvedObject"] = {**document["involvedObject"], **about}
    return msgspec.convert(document, ClusterEvent)


def a_pod(*statuses: Document, ready: bool = False, ready_at: str = DIED, **metadata: Any) -> Pod:
    """A pod of a Deployment's ReplicaSet, with these container statuses."""
    document: Document = {
        "metadata": {
            "name": "web-7d9c-x",
            "namespace": "shop",
            "uid": "pod-uid",
            "resourceVersion": "4712",
            "creationTimestamp": BORN,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9c", "uid": "rs-uid", "controller": True}],
            **metadata,
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "app", "image": "shop/web:1.4", "resources": {"limits": {"memory": "64Mi", "cpu": 1}}}
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": BOUND,
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": BOUND},
                {"type": "Ready", "status": str(ready), "lastTransitionTime": ready_at, "reason": None},
            ],
            "containerStatuses": list(statuses),
        },
    }
    return msgspec.convert(document, Pod)


def a_status(**fields: Any) -> Document:
    """A running container of that pod."""
    return {"name": "app", "image": "shop/web:1.4", "restartCount": 0, "ready": True, "state": {}, **fields}


def ended(reason: str = "Error", exit_code: int = 1, finished_at: str = DIED) -> Document:
    """A container state."""
    return {"terminated": {"reason": reason, "exitCode": exit_code, "finishedAt": finished_at}}


def waits(reason: str, message: str = "") -> Document:
    """A container state."""
    return {"waiting": {"reason": reason, "message": message}}


def a_node(status: str, since: str = DIED) -> Node:
    """A node whose Ready condition says this."""
    reasons = {"True": "KubeletReady", "False": "KubeletNotReady", "Unknown": "NodeStatusUnknown"}
    ready = {"type": "Ready", "status": status, "reason": reasons[status], "lastTransitionTime": since}
    document: Document = {
        "metadata": {"name": "node-1", "uid": "node-uid", "creationTimestamp": BORN},
        "status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, ready]},
    }
    return msgspec.convert(document, Node)
