"""Kubernetes objects as plain JSON documents: the few reads and stamps that every part needs.

Documents in the store are never changed in place: a writer copies, changes the copy and stores that.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]

_SAFE = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no words arise


def stamp(moment: datetime) -> str:
    """A moment as Kubernetes writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: datetime) -> str:
    """A moment with microseconds, as leases carry it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The moment that a stamp names."""
    return datetime.fromisoformat(text)


def seconds(value: float) -> timedelta:
    """A duration in seconds."""
    return timedelta(seconds=value)


def copied(document: Document) -> Document:
    """A deep copy that may be changed."""
    return deepcopy(document)


def suffix(length: int = 5) -> str:
    """A random end for a generated name."""
    return "".join(secrets.choice(_SAFE) for _ in range(length))


def digest(value: Any, length: int = 10) -> str:
    """A short stable name for a value, of the letters that generated names use."""
    raw = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in raw[:length])


def name_of(document: Document) -> str:
    """metadata.name."""
    return str(document["metadata"]["name"])


def namespace_of(document: Document) -> str:
    """metadata.namespace; empty for a cluster-wide object."""
    return str(document["metadata"].get("namespace", ""))


def uid_of(document: Document) -> str:
    """metadata.uid."""
    return str(document["metadata"]["uid"])


def labels_of(document: Document) -> dict[str, str]:
    """metadata.labels, empty when there are none."""
    return document["metadata"].get("labels") or {}


def annotations_of(document: Document) -> dict[str, str]:
    """metadata.annotations, empty when there are none."""
    return document["metadata"].get("annotations") or {}


def is_going(document: Document) -> bool:
    """Whether it carries a deletionTimestamp."""
    return "deletionTimestamp" in document["metadata"]


def controller_of(document: Document) -> Document | None:
    """The owner reference that is its controller."""
    return next((ref for ref in document["metadata"].get("ownerReferences") or [] if ref.get("controller")), None)


def is_owned_by(document: Document, owner: Document) -> bool:
    """Whether `owner` is its controller."""
    ref = controller_of(document)
    return ref is not None and ref["uid"] == uid_of(owner)


def condition(document: Document, kind: str) -> Document | None:
    """The condition of that type in the status."""
    return next((c for c in document.get("status", {}).get("conditions") or [] if c["type"] == kind), None)


def is_condition(document: Document, kind: str, status: str = "True") -> bool:
    """Whether the condition of that type has that status."""
    found = condition(document, kind)
    return found is not None and found["status"] == status


def set_condition(document: Document, kind: str, status: str, now: datetime, **more: str) -> None:
    """Set a condition; its transition time moves only when its status changes."""
    conditions = document.setdefault("status", {}).setdefault("conditions", [])
    old = next((c for c in conditions if c["type"] == kind), None)
    since = old["lastTransitionTime"] if old and old["status"] == status else stamp(now)
    new = {"type": kind, "status": status, "lastTransitionTime": since} | more
    if old is None:
        conditions.append(new)
    elif any(old.get(key) != value for key, value in new.items()) or set(old) - set(new) - _MOVING:
        conditions[conditions.index(old)] = {k: v for k, v in old.items() if k in _MOVING} | new


_MOVING = {"lastUpdateTime", "lastHeartbeatTime", "lastProbeTime"}
