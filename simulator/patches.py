"""Merge patch (RFC 7386) and the strategic merge patch of Kubernetes, as pure functions.

A strategic patch merges the lists of `_KEYS` by the key named there; a field that is not listed is replaced. The
same field name means the same key wherever it stands, but for `ports`, which the first of its two keys present decides.
"""

from __future__ import annotations

from typing import Any

from aetherius.simulator.documents import Document, copied
from aetherius.simulator.errors import bad_request

_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "addresses": ("type",),
    "taints": ("key",),
    "ownerReferences": ("uid",),
}
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


def strategic_merge(target: Document, patch: Document) -> Document:
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
            result[key] = _merged_value(key, result.get(key), value)
    return result


def _merged_value(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return strategic_merge(old if isinstance(old, dict) else {}, new)
    if isinstance(new, list) and key == "finalizers":
        return [*(old or []), *(value for value in new if value not in (old or []))]
    if isinstance(new, list) and key in _KEYS and all(isinstance(item, dict) for item in new):
        return _merged_list(key, old or [], new)
    return new


def _merged_list(field: str, old: list[Document], patch: list[Document]) -> list[Document]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    result = [copied(item) for item in old]
    for item in patch:
        key = next((key for key in _KEYS[field] if key in item), None)
        if key is None:
            raise bad_request(f"map: {item} does not contain declared merge key: {_KEYS[field][0]}")
        place = next((at for at, have in enumerate(result) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [have for have in result if have.get(key) != item[key]]
        elif place is None:
            result.append(strategic_merge({}, item))
        else:
            result[place] = strategic_merge(result[place], item)
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
