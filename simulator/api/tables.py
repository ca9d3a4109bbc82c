"""Lists as `meta.k8s.io/v1` Tables, which is how kubectl prints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aetherius.simulator.documents import Document, condition, is_going, labels_of, moment, name_of
from aetherius.simulator.kinds import (
    BUDGET,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    LEASE,
    NAMESPACE,
    NODE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)  # fmt: skip

Row = list[Any]
_Render = Callable[[Document, datetime], Row]


def table(
    kind: Kind, documents: list[Document], metadata: Document, now: datetime, include: str = "Metadata"
) -> Document:
    """The documents as a Table; `include` says what each row carries beside its cells (None, Metadata, Object)."""
    columns, render = _TABLES[kind]
    rows = [{"cells": render(document, now), "object": _carried(document, include)} for document in documents]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_column(text) for text in columns.split()],
        "rows": [row if row["object"] is not None else {"cells": row["cells"]} for row in rows],
    }


def _column(text: str) -> Document:
    """`Age`, or `Node+` for a column of the wide output; an underscore stands for a space."""
    name = text.rstrip("+").replace("_", " ")
    kind = "integer" if name in _NUMBERS else "string"
    form = "name" if name == "Name" else ""
    return {"name": name, "type": kind, "format": form, "description": name, "priority": int(text.endswith("+"))}


_NUMBERS = {"Desired", "Current", "Up-to-date", "Available", "Data", "Allowed Disruptions"}


def _carried(document: Document, include: str) -> Document | None:
    if include == "None":
        return None
    if include == "Object":
        return document
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}


def age(text: str | None, now: datetime) -> str:
    """A past stamp as kubectl's short duration."""
    if not text:
        return "<unknown>"
    total = max(0, int((now - moment(text)).total_seconds()))
    for unit, size, least in (("d", 86_400, 2), ("h", 3_600, 3), ("m", 60, 3)):
        if total >= size * least:
            return f"{total // size}{unit}"
    return f"{total // 60}m{total % 60}s" if total >= 120 else f"{total}s"


def _age(document: Document, now: datetime) -> str:
    return age(document["metadata"].get("creationTimestamp"), now)


def _pod_status(pod: Document) -> str:
    status = pod["status"]
    reason = str(status.get("reason") or status["phase"])
    for container in status.get("containerStatuses") or []:
        state = container["state"]
        told = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        reason = told or reason
    if is_going(pod):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return reason


def _restarts(pod: Document, now: datetime) -> str:
    statuses = pod["status"].get("containerStatuses") or []
    ends = [s["lastState"]["terminated"]["finishedAt"] for s in statuses if s.get("lastState")]
    count = sum(s["restartCount"] for s in statuses)
    return f"{count} ({age(max(ends), now)} ago)" if count and ends else str(count)


def _pod(pod: Document, now: datetime) -> Row:
    statuses = pod["status"].get("containerStatuses") or []
    ready = f"{sum(s['ready'] for s in statuses)}/{len(pod['spec']['containers'])}"
    where = [pod["status"].get("podIP") or "<none>", pod["spec"].get("nodeName") or "<none>", "<none>", "<none>"]
    return [name_of(pod), ready, _pod_status(pod), _restarts(pod, now), _age(pod, now), *where]


def _images(document: Document) -> Row:
    containers = document["spec"]["template"]["spec"]["containers"]
    names, images = (",".join(c[key] for c in containers) for key in ("name", "image"))
    return [names, images, _pairs(document["spec"]["selector"].get("matchLabels") or {})]


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>"


def _deployment(document: Document, now: datetime) -> Row:
    status, replicas = document.get("status") or {}, document["spec"]["replicas"]
    counts = [
        f"{status.get('readyReplicas', 0)}/{replicas}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
    ]
    return [name_of(document), *counts, _age(document, now), *_images(document)]


def _replica_set(document: Document, now: datetime) -> Row:
    status = document.get("status") or {}
    counts = [document["spec"]["replicas"], status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [name_of(document), *counts, _age(document, now), *_images(document)]


def _stateful_set(document: Document, now: datetime) -> Row:
    ready = f"{(document.get('status') or {}).get('readyReplicas', 0)}/{document['spec']['replicas']}"
    return [name_of(document), ready, _age(document, now), *_images(document)[:2]]


def _daemon_set(document: Document, now: datetime) -> Row:
    return [name_of(document), 0, 0, 0, 0, 0, "<none>", _age(document, now), *_images(document)]


def _node(node: Document, now: datetime) -> Row:
    ready = (condition(node, "Ready") or {}).get("status")
    words = ["Ready" if ready == "True" else "NotReady"]
    words += ["SchedulingDisabled"] if node["spec"].get("unschedulable") else []
    roles = sorted(key.split("/")[1] for key in labels_of(node) if key.startswith("node-role.kubernetes.io/"))
    facts = (node.get("status") or {}).get("nodeInfo") or {}
    addresses = (node.get("status") or {}).get("addresses") or []
    inside = next((a["address"] for a in addresses if a["type"] == "InternalIP"), "<none>")
    wide = [
        inside,
        "<none>",
        *(facts.get(key, "<unknown>") for key in ("osImage", "kernelVersion", "containerRuntimeVersion")),
    ]
    cells = [
        name_of(node),
        ",".join(words),
        ",".join(roles) or "<none>",
        _age(node, now),
        facts.get("kubeletVersion", ""),
    ]
    return [*cells, *wide]


def _event(event: Document, now: datetime) -> Row:
    about, source = event["involvedObject"], event.get("source") or {}
    seen = age(event.get("lastTimestamp") or event["metadata"].get("creationTimestamp"), now)
    thing = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    origin = ", ".join(part for part in (source.get("component"), source.get("host")) if part)
    first = age(event.get("firstTimestamp") or event["metadata"].get("creationTimestamp"), now)
    wide = [about.get("fieldPath", ""), origin, first, event.get("count", 1), name_of(event)]
    cells = [
        seen,
        event.get("type", ""),
        event.get("reason", ""),
        thing,
        wide[0],
        origin,
        event.get("message", "").strip(),
    ]
    return [*cells, *wide[2:]]


def _service(service: Document, now: datetime) -> Row:
    spec = service["spec"]
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    address = spec.get("clusterIP", "None")
    return [
        name_of(service),
        spec.get("type"),
        address,
        "<none>",
        ports or "<none>",
        _age(service, now),
        _pairs(spec.get("selector") or {}),
    ]


def _budget(budget: Document, now: datetime) -> Row:
    spec, allowed = budget["spec"], (budget.get("status") or {}).get("disruptionsAllowed", 0)
    return [
        name_of(budget),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        allowed,
        _age(budget, now),
    ]


def _lease(lease: Document, now: datetime) -> Row:
    return [name_of(lease), lease.get("spec", {}).get("holderIdentity", ""), _age(lease, now)]


_WORKLOAD = "Containers+ Images+ Selector+"
_TABLES: dict[Kind, tuple[str, _Render]] = {
    POD: ("Name Ready Status Restarts Age IP+ Node+ Nominated_Node+ Readiness_Gates+", _pod),
    DEPLOYMENT: (f"Name Ready Up-to-date Available Age {_WORKLOAD}", _deployment),
    REPLICA_SET: (f"Name Desired Current Ready Age {_WORKLOAD}", _replica_set),
    STATEFUL_SET: ("Name Ready Age Containers+ Images+", _stateful_set),
    DAEMON_SET: (f"Name Desired Current Ready Up-to-date Available Node_Selector Age {_WORKLOAD}", _daemon_set),
    NODE: (
        "Name Status Roles Age Version Internal-IP+ External-IP+ OS-Image+ Kernel-Version+ Container-Runtime+",
        _node,
    ),
    EVENT: ("Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count+ Name+", _event),
    SERVICE: ("Name Type Cluster-IP External-IP Port(s) Age Selector+", _service),
    NAMESPACE: ("Name Status Age", lambda d, now: [name_of(d), d["status"]["phase"], _age(d, now)]),
    CONFIG_MAP: ("Name Data Age", lambda d, now: [name_of(d), len(d.get("data") or {}), _age(d, now)]),
    SECRET: (
        "Name Type Data Age",
        lambda d, now: [name_of(d), d.get("type", "Opaque"), len(d.get("data") or {}), _age(d, now)],
    ),
    BUDGET: ("Name Min_Available Max_Unavailable Allowed_Disruptions Age", _budget),
    LEASE: ("Name Holder Age", _lease),
}
