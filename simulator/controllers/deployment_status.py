"""The status of a Deployment: counts and the conditions Available and Progressing."""

from __future__ import annotations

from datetime import datetime, timedelta

from aetherius.simulator.controllers.deployment_bounds import bounds
from aetherius.simulator.documents import Document, annotations_of, condition, moment, name_of, set_condition, stamp

REVISION = "deployment.kubernetes.io/revision"


def revision_of(replica_set: Document) -> int:
    """A ReplicaSet's revision; 0 when it has none yet."""
    return int(annotations_of(replica_set).get(REVISION, "0"))


def deployment_status(deployment: Document, current: Document | None, sets: list[Document], now: datetime) -> Document:
    """The status that follows from its ReplicaSets, of which `current` is the one of its present template."""
    total, ready, available = (_total(sets, key) for key in ("replicas", "readyReplicas", "availableReplicas"))
    updated = _total([current], "replicas") if current else 0
    wanted = sum(rs["spec"]["replicas"] for rs in sets)
    counts = {
        "replicas": total, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }  # fmt: skip
    status: Document = {key: count for key, count in counts.items() if count}
    status["observedGeneration"] = deployment["metadata"]["generation"]
    draft = {"status": status | {"conditions": list((deployment.get("status") or {}).get("conditions") or [])}}
    _set_available(draft, deployment, available, now)
    if current is not None:
        _set_progressing(draft, deployment, current, counts, now)
    return draft["status"]


def _total(sets: list[Document], key: str) -> int:
    return sum((replica_set.get("status") or {}).get(key, 0) for replica_set in sets)


def _set_available(draft: Document, deployment: Document, available: int, now: datetime) -> None:
    least = deployment["spec"]["replicas"] - bounds(deployment)[1]
    if available >= least:
        _set(draft, "Available", "True", now, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        why = "Deployment does not have minimum availability."
        _set(draft, "Available", "False", now, "MinimumReplicasUnavailable", why)


def _set_progressing(
    draft: Document, deployment: Document, current: Document, counts: dict[str, int], now: datetime
) -> None:
    old = condition(deployment, "Progressing")
    replicas, name = deployment["spec"]["replicas"], name_of(current)
    if counts["updatedReplicas"] == replicas == counts["replicas"] == counts["availableReplicas"]:
        message = f'ReplicaSet "{name}" has successfully progressed.'
        _set(draft, "Progressing", "True", now, "NewReplicaSetAvailable", message)
    elif old is None or name not in old["message"]:
        message = f'Created new replica set "{name}"'
        _set(draft, "Progressing", "True", now, "NewReplicaSetCreated", message)
    elif _moved(deployment, counts):
        _set(draft, "Progressing", "True", now, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    elif old["reason"] != "NewReplicaSetAvailable" and _is_late(deployment, old, now):
        message = f'ReplicaSet "{name}" has timed out progressing.'
        _set(draft, "Progressing", "False", now, "ProgressDeadlineExceeded", message)


def _moved(deployment: Document, counts: dict[str, int]) -> bool:
    """Whether more of the new, or fewer of the old, run than at the last look."""
    before = deployment.get("status") or {}
    grown = any(counts[key] > before.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    old = counts["replicas"] - counts["updatedReplicas"]
    return grown or old < before.get("replicas", 0) - before.get("updatedReplicas", 0)


def _is_late(deployment: Document, progressing: Document, now: datetime) -> bool:
    deadline = timedelta(seconds=deployment["spec"].get("progressDeadlineSeconds", 600))
    return moment(progressing["lastUpdateTime"]) + deadline < now


def _set(draft: Document, kind: str, status: str, now: datetime, reason: str, message: str) -> None:
    """Set a condition; its update time moves when anything in it does, as progress deadlines count from there."""
    old = condition(draft, kind)
    told = {"status": status, "reason": reason, "message": message}
    if old is not None and reason != "ReplicaSetUpdated" and all(old[key] == value for key, value in told.items()):
        return
    draft["status"]["conditions"] = [dict(c) for c in draft["status"]["conditions"]]
    set_condition(draft, kind, status, now, reason=reason, message=message, lastUpdateTime=stamp(now))
