"""Hands for game days: what people, controllers, kubelets and clouds do to a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from cluster_probe import MERGE, ClusterProbe, Document, eventually

FAULT: Final = "aetherius.test/fault"
ZONE: Final = "topology.kubernetes.io/zone"
_GATE: Final = "aetherius.test/gate"
GATED: Final = {"schedulingGates": [{"name": _GATE}]}
"""Of a template: its pods wait until they are let in, one by one."""


def is_usable(node: Document) -> bool:
    """Ready, not cordoned, without taints."""
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node["spec"].get("unschedulable") and not node["spec"].get("taints")


def deployed(space: ClusterProbe, name: str, **template: Any) -> None:
    """Create a Deployment, and wait until it is available."""
    space.deploy(name, **template)
    eventually(lambda: space.is_complete(name))


def marks(**annotations: str) -> dict[str, str]:
    """Annotations that tell kwok what to play, named without their prefix."""
    return {f"aetherius.test/{name.replace('_', '-')}": value for name, value in annotations.items()}


def rolled_out(space: ClusterProbe, name: str, image: str = "", **annotations: str) -> None:
    """Change the template: what kwok plays of its pods and, if one is given, the image."""
    body: Document = {"metadata": {"annotations": marks(**annotations)}}
    if image:
        body["spec"] = {"containers": [space.get("Deployment", name)["spec"]["template"]["spec"]["containers"][0]]}
        body["spec"]["containers"][0]["image"] = image
    space.patch("Deployment", name, {"spec": {"template": body}})


def set_status(space: ClusterProbe, pod: str, status: Document) -> None:
    """Have a kubelet say something of a pod."""
    path = f"/api/v1/namespaces/{space.namespace}/pods/{pod}/status"
    code, answer = space.request("PATCH", path, {"status": status}, content_type=MERGE)
    assert code == 200, answer


def tell(space: ClusterProbe, about: Document, reason: str, message: str, type_: str = "Warning") -> None:
    """Write an event about an object, as a controller or a kubelet does."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {key: about["metadata"][key] for key in ("name", "uid", "namespace") if key in about["metadata"]}
    body = {
        "metadata": {"generateName": "played-", "namespace": space.namespace},
        "involvedObject": {"kind": about["kind"], "apiVersion": about["apiVersion"]} | names,
        "reason": reason, "message": message, "type": type_, "source": {"component": "kubelet"}, "count": 1,
        "firstTimestamp": now, "lastTimestamp": now,
    }  # fmt: skip
    space.create("Event", body)


def let_in(space: ClusterProbe, app: str, count: int = 1, **annotations: str) -> None:
    """Let waiting pods of an app on a node, and have kwok play this of them."""
    for pod in eventually(lambda: waiting if len(waiting := _gated(space, app)) >= count else None)[:count]:
        body = {"metadata": {"annotations": marks(**annotations)}, "spec": {"schedulingGates": []}}
        space.patch("Pod", pod["metadata"]["name"], body)


def _gated(space: ClusterProbe, app: str) -> list[Document]:
    return [pod for pod in space.pods(app) if pod["spec"].get("schedulingGates")]


def play(space: ClusterProbe, app: str, **annotations: str) -> None:
    """Have kwok play this of the pods that an app has now, and of no later ones."""
    for pod in space.pods(app):
        space.patch("Pod", pod["metadata"]["name"], {"metadata": {"annotations": marks(**annotations)}})


def one_dies(space: ClusterProbe, app: str) -> None:
    """Have a pod replaced, as it happens when its node is."""
    space.kubectl("delete", "pod", space.pods(app)[0]["metadata"]["name"], "--wait=false")


def lose(admin: ClusterProbe, node: str) -> None:
    """Have a node's kubelet fall silent."""
    admin.patch("Node", node, {"metadata": {"labels": {FAULT: "not-ready"}}})


def find(admin: ClusterProbe, node: str) -> None:
    """Have it speak again."""
    admin.patch("Node", node, {"metadata": {"labels": {FAULT: None}}})


@contextmanager
def renewed(admin: ClusterProbe, node: str) -> Iterator[None]:
    """Have a kubelet that kwok has let go renew its lease until the block ends."""
    over = threading.Event()

    def renew() -> None:
        leases = admin.within("kube-node-lease")
        while not over.wait(1.0):
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            leases.patch("Lease", node, {"spec": {"renewTime": now}})

    renewing = threading.Thread(target=renew, name=f"lease of {node}")
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()


def has_condition(space: ClusterProbe, name: str, reason: str) -> bool:
    """Whether a Deployment says this of itself."""
    conditions = space.get("Deployment", name).get("status", {}).get("conditions") or []
    return any(each.get("reason") == reason for each in conditions)


def generation(space: ClusterProbe, name: str, kind: str = "Deployment") -> int:
    """How often an object's specification was changed, with its creation."""
    found: int = space.get(kind, name)["metadata"]["generation"]
    return found
