"""metadata.managedFields: who owns which fields.

An update owns the fields that it changes and takes them from all others; an apply owns what it names, whether it changes that or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aetherius.simulator.documents import Document, stamp
from aetherius.simulator.field_sets import Path, fields_of, from_tree, to_tree, value_at
from aetherius.simulator.kinds import Kind
from aetherius.simulator.schema.shape import Shape, shape_of

_OWNED_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


@dataclass(frozen=True)
class Owner:
    """Who writes: the manager's name, how (`Update` or `Apply`), and through which subresource."""

    manager: str
    operation: str = "Update"
    subresource: str = ""

    def owns(self, entry: Document) -> bool:
        """Whether an entry of managedFields is this owner's."""
        return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (
            self.manager, self.operation, self.subresource,
        )  # fmt: skip


def claim_changes(document: Document, owner: Owner, kind: Kind, now: datetime, old: Document | None = None) -> None:
    """Note in `document` that its owner made what differs from `old`; a request that changes nothing notes nothing."""
    shape = shape_of(kind.api_version, kind.name)
    before, after = owned_part(old or {}, owner.subresource), owned_part(document, owner.subresource)
    if old is not None and before == after:
        return
    present = fields_of(shape, after)
    changed = {path for path in present if _differs(shape, path, before, after)}
    _write(document, owner, kind, now, add=changed, lost=changed, gone=fields_of(shape, before) - present)


def claim_applied(
    document: Document, owner: Owner, kind: Kind, now: datetime, applied: set[Path], forced: set[Path]
) -> None:
    """Note in `document` that its owner applied these fields, `forced` of them against others."""
    before = owned_by(document, owner)
    if before == applied and not forced:
        return
    _write(document, owner, kind, now, add=applied, lost=forced, gone=before - applied)


def owned_by(document: Document, owner: Owner) -> set[Path]:
    """What an owner has."""
    return {path for entry in entries_of(document) if owner.owns(entry) for path in from_tree(entry["fieldsV1"])}


def entries_of(document: Document) -> list[Document]:
    """The entries of managedFields."""
    return document["metadata"].get("managedFields") or []


def owned_part(document: Document, subresource: str = "") -> Document:
    """The part of a document that has owners: its status through `status`, all else otherwise."""
    if subresource == "status":
        return {key: value for key, value in document.items() if key == "status"}
    metadata = {key: value for key, value in (document.get("metadata") or {}).items() if key in _OWNED_METADATA}
    rest = {key: value for key, value in document.items() if key not in ("metadata", "kind", "apiVersion", "status")}
    return rest | ({"metadata": metadata} if metadata else {})


def _differs(shape: Shape, path: Path, before: Document, after: Document) -> bool:
    return bool(value_at(shape, before, path) != value_at(shape, after, path))


def _write(
    document: Document, owner: Owner, kind: Kind, now: datetime, *, add: set[Path], lost: set[Path], gone: set[Path]
) -> None:
    """Give `add` to the owner and take `lost` from the others; `gone` nobody has any more, but for what others applied."""
    kept, mine = [], set(add)
    for entry in entries_of(document):
        fields = from_tree(entry["fieldsV1"])
        if owner.owns(entry):
            mine |= fields - gone
        elif left := fields - lost - (gone if owner.operation == "Update" else set()):
            kept.append(entry if left == fields else entry | {"fieldsV1": to_tree(left)})
    if mine:
        kept.append(_entry(owner, kind, now, mine))
    document["metadata"]["managedFields"] = kept


def _entry(owner: Owner, kind: Kind, now: datetime, fields: set[Path]) -> Document:
    entry: Document = {"manager": owner.manager, "operation": owner.operation, "apiVersion": kind.api_version}
    entry |= {"time": stamp(now), "fieldsType": "FieldsV1", "fieldsV1": to_tree(fields)}
    return entry | ({"subresource": owner.subresource} if owner.subresource else {})
