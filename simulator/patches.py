"""Merge patch (RFC 7386) and the strategic merge patch of Kubernetes, as pure functions.

A strategic patch merges a list by the key that the list's type names; a list without one is replaced.
"""

from __future__ import annotations

from typing import Any

from aetherius.simulator.documents import Document, copied
from aetherius.simulator.errors import bad_request
from aetherius.simulator.field_sets import inner
from aetherius.simulator.schema.shape import Shape

_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic_merge(shape: Shape, target: Document, patch: Document) -> Document:
    """Apply a strategic merge patch; raises `ApiError` 400 for an element without its key."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = copied(target)
    for key, value in patch.items():
        if key.startswith("$"):
            _directive(result, key, value)
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            result.pop(key, None)
        else:
            result[key] = _merged_value(inner(shape, key), result.get(key), value)
    return result


def _merged_value(shape: Shape, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return strategic_merge(shape, old if isinstance(old, dict) else {}, new)
    if isinstance(new, list) and shape.merges_scalars:
        return [*(old or []), *(value for value in new if value not in (old or []))]
    if isinstance(new, list) and shape.merge_key and all(isinstance(item, dict) for item in new):
        return _merged_list(shape, shape.merge_key, old or [], new)
    return new


def _merged_list(shape: Shape, key: str, old: list[Document], patch: list[Document]) -> list[Document]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    result, of = [copied(item) for item in old], shape.values or shape
    for item in patch:
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next((at for at, have in enumerate(result) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [have for have in result if have.get(key) != item[key]]
        elif place is None:
            result.append(strategic_merge(of, {}, item))
        else:
            result[place] = strategic_merge(of, result[place], item)
    return result


def _directive(result: Document, key: str, value: Any) -> None:
    if key.startswith(_REMOVE):
        field = key.removeprefix(_REMOVE)
        result[field] = [item for item in result.get(field) or [] if item not in value]
    elif key == "$retainKeys":
        for name in [name for name in result if name not in value]:
            del result[name]
    elif not key.startswith(_ORDER):  # the order of elements means nothing to what is simulated here
        raise bad_request(f"unknown directive {key} in patch")
