"""The discovery documents: versions, groups and the resources of each group."""

from __future__ import annotations

from aetherius.simulator.cluster import KUBELET_VERSION
from aetherius.simulator.documents import Document
from aetherius.simulator.kinds import KINDS, STREAMS, Kind

_REVIEW = "selfsubjectaccessreviews"
_SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
_EVICTION = {"group": "policy", "version": "v1", "kind": "Eviction"}
_READ_WRITE = ["get", "patch", "update"]


def version() -> Document:
    """/version."""
    major, minor = KUBELET_VERSION.lstrip("v").split(".")[:2]
    build = {"gitCommit": "simulated", "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z"}
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{KUBELET_VERSION}+simulated",
        "platform": "linux/amd64",
    } | build


def core_versions() -> Document:
    """/api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> Document:
    """/apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _group_names()]}


def group(name: str) -> Document | None:
    """/apis/NAME, or None."""
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name) if name in _group_names() else None


def resources(name: str, served: str) -> Document | None:
    """/api/v1 or /apis/NAME/VERSION, or None."""
    if served != "v1" or (name and name not in _group_names()):
        return None
    listed = [entry for kind in KINDS if kind.group == name for entry in _resource(kind)]
    if name == "authorization.k8s.io":
        listed.append(_entry(_REVIEW, "SelfSubjectAccessReview", False, ["create"]))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{name}/{served}" if name else served,
        "resources": listed,
    }


def _group_names() -> list[str]:
    return sorted({kind.group for kind in KINDS if kind.group} | {"authorization.k8s.io"})


def _group(name: str) -> Document:
    offered = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [offered], "preferredVersion": offered}


def _entry(name: str, kind: str, namespaced: bool, verbs: list[str]) -> Document:
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs}


def _resource(kind: Kind) -> list[Document]:
    main = _entry(kind.plural, kind.name, kind.namespaced, list(kind.verbs)) | {"singularName": kind.name.lower()}
    main |= {"shortNames": list(kind.short)} if kind.short else {}
    main |= {"categories": list(kind.categories)} if kind.categories else {}
    return [main, *(_subresource(kind, name) for name in kind.subresources if name not in STREAMS)]


def _subresource(kind: Kind, name: str) -> Document:
    path = f"{kind.plural}/{name}"
    if name == "scale":
        return _entry(path, "Scale", True, _READ_WRITE) | _SCALE
    if name == "eviction":
        return _entry(path, "Eviction", True, ["create"]) | _EVICTION
    if name == "log":
        return _entry(path, kind.name, True, ["get"])
    return _entry(path, kind.name, kind.namespaced, _READ_WRITE)
