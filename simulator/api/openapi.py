"""OpenAPI v3 of what is served: what kubectl reads before it applies, validates or explains.

The types are Kubernetes' own (simulator/schema); the paths say only what clients look for in them: the kind, the action, and the options
of a write. OpenAPI v2 is not served: only clients from before Kubernetes 1.27 need it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache

from aetherius.simulator.documents import Document
from aetherius.simulator.kinds import KINDS, Kind
from aetherius.simulator.schema.shape import all_types, type_name

_REF = "#/components/schemas/"
_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete"}
_WRITES = ("post", "put", "patch")
_OPTIONS = ("dryRun", "fieldManager", "fieldValidation")


@cache
def index() -> Document:
    """Where the document of each group and version is; the hash changes with its content."""
    paths = {}
    for version in _versions():
        digest = hashlib.sha256(json.dumps(document(version), sort_keys=True).encode()).hexdigest().upper()
        paths[version] = {"serverRelativeURL": f"/openapi/v3/{version}?hash={digest}"}
    return {"paths": paths}


@cache
def document(version: str) -> Document | None:
    """The document of `api/v1` or `apis/GROUP/VERSION`; None if it is not served."""
    kinds = _versions().get(version)
    if kinds is None:
        return None
    paths = {path: item for kind in kinds for path, item in _paths(kind)}
    info = {"title": "Kubernetes", "version": "simulated"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": _types(kinds)}}


def _versions() -> dict[str, list[Kind]]:
    versions: dict[str, list[Kind]] = {}
    for kind in KINDS:
        versions.setdefault(_root(kind), []).append(kind)
    return versions


def _root(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def _paths(kind: Kind) -> Iterator[tuple[str, Document]]:
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    collection = f"/{_root(kind)}{place}/{kind.plural}"
    yield collection, {"get": _operation(kind, "list"), "post": _operation(kind, "post")}
    yield f"{collection}/{{name}}", {verb: _operation(kind, action) for verb, action in _ACTIONS.items()}


def _operation(kind: Kind, action: str) -> Document:
    operation: Document = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.name},
        "responses": {"200": {"description": "OK"}},
    }
    if action in _WRITES:
        operation["parameters"] = [_option(name) for name in _OPTIONS + (("force",) if action == "patch" else ())]
    if action == "get":
        content = {"application/json": {"schema": {"$ref": _REF + str(type_name(kind.api_version, kind.name))}}}
        operation["responses"]["200"]["content"] = content
    return operation


def _option(name: str) -> Document:
    return {
        "name": name,
        "in": "query",
        "schema": {"type": "boolean" if name == "force" else "string", "uniqueItems": True},
    }


def _types(kinds: list[Kind]) -> Document:
    """The types of these kinds and all that they refer to."""
    wanted, kept = [type_name(kind.api_version, kind.name) for kind in kinds], {}
    while wanted:
        name = wanted.pop()
        if name is not None and name not in kept:
            kept[name] = all_types()[name]
            wanted += _referenced(kept[name])
    return kept


def _referenced(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_REF)
        for child in value.values():
            yield from _referenced(child)
    elif isinstance(value, list):
        for child in value:
            yield from _referenced(child)
