"""The marks that a drain leaves on a node (cordon, out-of-service taint), and how they are taken back: only ours."""

from __future__ import annotations

from typing import Final

from aetherius.edge_agent.repair.cluster import Cluster, Document, is_true
from aetherius.edge_agent.watching.standing import CORDONED

OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"
TAINTED: Final = "aetherius.io/out-of-service"
"""Annotation: the taint is ours."""


def cordon(cluster: Cluster, name: str) -> None:
    """Let no new pod onto the node. A cordon that is there already is somebody else's and stays theirs."""
    node = cluster.node(name)
    if node["spec"].get("unschedulable"):
        return
    body: Document = {"metadata": {"annotations": {CORDONED: "true"}}, "spec": {"unschedulable": True}}
    cluster.change(node, _path(name), body, "merge")


def set_out_of_service(cluster: Cluster, name: str) -> None:
    """Let go of the pods of a dead kubelet. Does nothing for a node that is ready (again)."""
    node = cluster.node(name)
    taints = list(node["spec"].get("taints") or ())
    if is_true(node, "Ready") or any(each["key"] == OUT_OF_SERVICE for each in taints):
        return
    taints.append({"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"})
    body: Document = {"metadata": {"annotations": {TAINTED: "true"}}, "spec": {"taints": taints}}
    cluster.change(node, _path(name), body, "merge")


def restore(cluster: Cluster, name: str) -> None:
    """Take our cordon and our taint back."""
    node = cluster.node(name)
    marks = node["metadata"].get("annotations") or {}
    spec: Document = {}
    if CORDONED in marks:
        spec["unschedulable"] = None
    if TAINTED in marks:
        spec["taints"] = [each for each in node["spec"].get("taints") or () if each["key"] != OUT_OF_SERVICE]
    if spec:
        body: Document = {"metadata": {"annotations": {CORDONED: None, TAINTED: None}}, "spec": spec}
        cluster.change(node, _path(name), body, "merge")


def _path(name: str) -> str:
    return f"/api/v1/nodes/{name}"
