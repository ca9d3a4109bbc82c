"""Secrets in objects, as `get -o json` prints them: by the fields that hold them, by names that tell, and by their shapes in what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aetherius.edge_agent.redaction.mark import hashed
from aetherius.edge_agent.redaction.names import SAFE_ENV, tells
from aetherius.edge_agent.redaction.text import mask_text

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CLEAR_CONFIG_MAPS: Final = frozenset({"coredns", "cluster-autoscaler-status"})
"""Config maps whose values are settings of the cluster itself and are needed for a diagnosis."""
_CLEAR_ATTRIBUTES: Final = frozenset(
    {
        "fsType",
        "storage.kubernetes.io/csiProvisionerIdentity",
        "protocol",
        "server",
        "share",
        "path",
        "pool",
        "clusterID",
        "type",
        "readOnly",
        "location",
        "encrypted",
    }
)
"""Attributes of volumes that help and are no secrets, unless they look like one."""
_TESTIMONY: Final = ("conditions", "message", "reason")
_DEEPEST: Final = 60
"""Levels of an object that are looked into; what is deeper is hidden."""


def mask_object(document: Any) -> Any:
    """An object or a list of them, without the values that the policy hides."""
    if not isinstance(document, dict):
        return document
    if isinstance(document.get("items"), list):
        return {**document, "items": [mask_object(item) for item in document["items"]]}
    masked = _walk(document, 0)
    kind, metadata = document.get("kind"), document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if kind == "Secret" or (kind == "ConfigMap" and name not in CLEAR_CONFIG_MAPS):
        for field in ("data", "binaryData", "stringData"):
            if isinstance(document.get(field), dict):
                masked[field] = {
                    key: f"{len(str(value))} characters {hashed(value)}" for key, value in document[field].items()
                }
    if kind == "CertificateSigningRequest":
        for part, field in (("spec", "request"), ("status", "certificate")):
            if isinstance(masked.get(part), dict):
                masked[part].pop(field, None)
    return masked


def _walk(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return hashed(value)
    if isinstance(value, list):
        return [_walk(each, depth + 1) for each in value]
    if isinstance(value, str):
        return mask_text(value)
    if not isinstance(value, dict):
        return value
    walked = {key: _field(str(key), each, depth) for key, each in value.items() if key != "caBundle"}
    if isinstance(value.get("value"), str) and isinstance(value.get("name"), str) and tells(value["name"]):
        walked["value"] = hashed(value["value"])
    return walked


def _field(key: str, value: Any, depth: int) -> Any:
    if key in _FIELDS:
        return _FIELDS[key](value, depth + 1)
    if isinstance(value, str) and value and tells(key):
        return hashed(value)
    return _walk(value, depth + 1)


def _mask_pairs(value: Any, depth: int) -> Any:
    """Lists of name and value: variables, headers, parameters."""
    if not isinstance(value, list):
        return _hide(value, depth) if isinstance(value, str) else _walk(value, depth)
    return [_mask_pair(each, depth) if isinstance(each, dict) else hashed(each) for each in value]


def _mask_pair(pair: dict[str, Any], depth: int) -> dict[str, Any]:
    walked: dict[str, Any] = _walk({key: each for key, each in pair.items() if key != "value"}, depth)
    if "value" not in pair:
        return walked
    given = pair["value"]
    safe = isinstance(given, str) and SAFE_ENV.fullmatch(str(pair.get("name", ""))) is not None
    return {
        key: walked[key] if key in walked else mask_text(given) if safe else hashed(given)
        for key in pair
        if key != "caBundle"
    }


def _mask_words(value: Any, depth: int) -> Any:
    return [hashed(each) for each in value] if isinstance(value, list) else _walk(value, depth)


def _hide(value: Any, depth: int) -> Any:
    """Everything in it; the names of fields stay."""
    if isinstance(value, Mapping):
        return {key: _hide(each, depth + 1) for key, each in value.items()} if depth <= _DEEPEST else hashed(value)
    return [_hide(each, depth + 1) for each in value] if isinstance(value, list) else hashed(value)


def _mask_annotations(value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        return _walk(value, depth)
    return {
        key: hashed(each) if key == LAST_APPLIED or tells(str(key)) else _walk(each, depth)
        for key, each in value.items()
    }


def _mask_attributes(value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        return _walk(value, depth)
    return {
        key: _walk(each, depth) if key in _CLEAR_ATTRIBUTES and not tells(key) else hashed(each)
        for key, each in value.items()
    }


def _mask_values(value: Any, depth: int) -> Any:
    """Text of values (Helm's), or a list of words in a selector, which stays."""
    return hashed(value) if isinstance(value, str) else _walk(value, depth)


_FIELDS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "env": _mask_pairs,
    "httpHeaders": _mask_pairs,
    "parameters": _mask_pairs,
    "args": _mask_words,
    "command": _mask_words,
    "annotations": _mask_annotations,
    "volumeAttributes": _mask_attributes,
    "attributes": _mask_attributes,
    "values": _mask_values,
    "valuesObject": _hide,
    "userData": _hide,
    "stringData": _hide,
}
