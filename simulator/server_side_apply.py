"""Server-side apply: what a manager names is set and owned by it; what it named before and names no more goes, if no other has it.

A field that another manager owns and that would change is a conflict, unless the manager forces it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aetherius.simulator.documents import Document, annotations_of, copied
from aetherius.simulator.errors import ApiError
from aetherius.simulator.field_sets import (
    ABSENT,
    ITEM,
    Path,
    fields_of,
    from_tree,
    inner,
    remove,
    spelled,
    step_to,
    value_at,
)
from aetherius.simulator.managed_fields import Owner, entries_of, owned_by, owned_part
from aetherius.simulator.schema.shape import Shape

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Applied:
    """What an apply makes: the document, the fields it names, and those it took from others."""

    document: Document
    fields: set[Path]
    forced: set[Path]


def apply(shape: Shape, live: Document, wanted: Document, owner: Owner, *, force: bool) -> Applied:
    """Apply what is wanted to an object; raises `ApiError` 409 for conflicts without `force`."""
    named = fields_of(shape, owned_part(wanted, owner.subresource))
    conflicts = _conflicts(shape, live, wanted, named, owner)
    disputed = [] if force else [found for found in conflicts if not _is_inherited(shape, live, owner, found[1])]
    if disputed:
        raise _refusal(disputed)
    merged = merged_by_owner(shape, copied(live), wanted)
    for path in sorted(
        owned_by(live, owner) - named, key=lambda path: path[-1] != ITEM
    ):  # an item goes before its key does
        if not _belongs_to_another(live, owner, path):
            remove(shape, merged, path)
    return Applied(merged, named, {path for _, path in conflicts})


def merged_by_owner(shape: Shape, live: Any, wanted: Any) -> Any:
    """Lay what is wanted over what is there: objects by field, lists with keys by item, all else as a whole. Changes `live`."""
    if isinstance(live, dict) and isinstance(wanted, dict) and not shape.is_atomic:
        for key, value in wanted.items():
            live[key] = merged_by_owner(inner(shape, key), live[key], value) if key in live else copied_value(value)
        return live
    if isinstance(live, list) and isinstance(wanted, list) and not shape.is_atomic:
        return _merged_list(shape, live, wanted)
    return copied_value(wanted)


def copied_value(value: Any) -> Any:
    """A copy of any value."""
    return copied({"value": value})["value"]


def _merged_list(shape: Shape, live: list[Any], wanted: list[Any]) -> list[Any]:
    places = {step_to(shape, item): at for at, item in enumerate(live)}
    for item in wanted:
        at = places.get(step_to(shape, item))
        if at is None:
            live.append(copied_value(item))
        elif isinstance(item, dict) and shape.values is not None:
            live[at] = merged_by_owner(shape.values, live[at], item)
    return live


def _conflicts(
    shape: Shape, live: Document, wanted: Document, named: set[Path], owner: Owner
) -> list[tuple[Document, Path]]:
    return [
        (entry, path)
        for entry in entries_of(live)
        if not owner.owns(entry)
        for path in sorted(named & from_tree(entry["fieldsV1"]))
        if value_at(shape, live, path) != value_at(shape, wanted, path)
    ]


def _is_inherited(shape: Shape, live: Document, owner: Owner, path: Path) -> bool:
    """Whether `kubectl apply` set this field when it still compared by itself, and nobody has changed it since: then it is kubectl's."""
    last = annotations_of(live).get(_LAST_APPLIED)
    if owner.manager != "kubectl" or last is None:
        return False
    try:
        before = value_at(shape, json.loads(last), path)
    except ValueError:  # not what kubectl wrote
        return False
    return before is not ABSENT and bool(before == value_at(shape, live, path))


def _belongs_to_another(live: Document, owner: Owner, path: Path) -> bool:
    """Whether another owner has the field, or, of a list's item, anything in it."""
    others = (from_tree(entry["fieldsV1"]) for entry in entries_of(live) if not owner.owns(entry))
    if path[-1] == ITEM:
        return any(other[: len(path) - 1] == path[:-1] for fields in others for other in fields)
    return any(path in fields for fields in others)


def _refusal(conflicts: list[tuple[Document, Path]]) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "field": spelled(path), "message": _with_whom(entry)}
        for entry, path in conflicts
    ]
    told = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    return ApiError(409, "Conflict", f"Apply failed with {count}: {told}", {"causes": causes})


def _with_whom(entry: Document) -> str:
    return f'conflict with "{entry["manager"]}" using {entry["apiVersion"]}'
