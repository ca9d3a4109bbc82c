"""metadata.managedFields: who last set which fields, as far as clients of ours look."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aetherius.simulator.documents import Document, stamp
from aetherius.simulator.kinds import Kind


def claim(
    document: Document, manager: str, operation: str, sent: Document, kind: Kind, now: datetime,
    old: Document | None = None, subresource: str = "",
) -> None:  # fmt: skip
    """Note in `document` that `manager` set the fields of `sent`; a request that changes nothing notes nothing."""
    if not manager or (old is not None and _content(old) == _content(document)):
        return
    entries = [
        entry for entry in document["metadata"].get("managedFields") or [] if not _same(entry, manager, subresource)
    ]
    entry: Document = {"manager": manager, "operation": operation, "apiVersion": kind.api_version, "time": stamp(now)}
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": _fields(_content(sent))}
    entry |= {"subresource": subresource} if subresource else {}
    document["metadata"]["managedFields"] = [*entries, entry]


def _same(entry: Document, manager: str, subresource: str) -> bool:
    return bool(entry["manager"] == manager and entry.get("subresource", "") == subresource)


def _content(document: Document) -> Document:
    metadata = {
        k: v for k, v in (document.get("metadata") or {}).items() if k in ("labels", "annotations", "finalizers")
    }
    rest = {key: value for key, value in document.items() if key not in ("metadata", "kind", "apiVersion")}
    return rest | ({"metadata": metadata} if metadata else {})


def _fields(value: Any) -> Document:
    if not isinstance(value, dict):
        return {}
    return {f"f:{key}": _fields(child) for key, child in value.items()}
