"""The types of the kinds that are served, as Kubernetes publishes them: fields, how lists merge, what is atomic.

`types.json` is made by `make kubernetes-schemas` from Kubernetes' own OpenAPI documents, without their descriptions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from aetherius.simulator.documents import Document

_PREFIX = "#/components/schemas/"


@dataclass(frozen=True, eq=False)
class Shape:
    """The type of one value: an object with fields, a map, a list, a scalar, or anything (`is_open`)."""

    schema: Document

    @property
    def json_type(self) -> str:
        """`object`, `array`, `string`, `integer`, `number` or `boolean`; empty where several are allowed."""
        return str(self.schema.get("type", ""))

    @property
    def number_format(self) -> str:
        """`int32`, `date-time` and their like."""
        return str(self.schema.get("format") or self.json_type)

    @cached_property
    def fields(self) -> dict[str, Shape]:
        """The fields of an object; empty for all else."""
        return {name: Shape(resolved(child)) for name, child in self.schema.get("properties", {}).items()}

    @cached_property
    def values(self) -> Shape | None:
        """The type of a map's values, or of a list's items."""
        child = self.schema.get("additionalProperties") or self.schema.get("items")
        return Shape(resolved(child)) if isinstance(child, dict) else None

    @property
    def is_open(self) -> bool:
        """Whether nothing is known about what is inside."""
        return not self.fields and self.values is None

    @property
    def is_struct(self) -> bool:
        """Whether it is an object whose fields are named by its type."""
        return bool(self.fields)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.json_type == "array"

    @property
    def list_keys(self) -> tuple[str, ...]:
        """The fields that tell the items of a list apart for an owner of fields; empty for a set or an atomic list."""
        keys = self.schema.get("x-kubernetes-list-map-keys", ())
        return tuple(keys) if self.schema.get("x-kubernetes-list-type") == "map" else ()

    @property
    def is_set(self) -> bool:
        """Whether it is a list of scalars that belong to whoever named them."""
        return self.schema.get("x-kubernetes-list-type") == "set"

    @property
    def is_atomic(self) -> bool:
        """Whether it has one owner as a whole."""
        if self.is_list:
            return not self.list_keys and not self.is_set
        return self.is_open or self.schema.get("x-kubernetes-map-type") == "atomic"

    @property
    def merge_key(self) -> str | None:
        """The field by which a strategic merge patch finds a list's items."""
        merges = "merge" in str(self.schema.get("x-kubernetes-patch-strategy", ""))
        return self.schema.get("x-kubernetes-patch-merge-key") if merges else None

    @property
    def merges_scalars(self) -> bool:
        """Whether a strategic merge patch adds to this list of scalars."""
        return "merge" in str(self.schema.get("x-kubernetes-patch-strategy", "")) and self.merge_key is None

    @property
    def default(self) -> Any:
        """What stands for an absent value."""
        return self.schema.get("default")


@cache
def all_types() -> dict[str, Document]:
    """Every type by its full name."""
    text = (resources.files("aetherius.simulator.schema") / "types.json").read_text()
    types: dict[str, Document] = json.loads(text)
    return types


@cache
def type_name(api_version: str, kind: str) -> str | None:
    """The full name of a kind's type; None for one that is not served."""
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    found = (name for name, schema in all_types().items() if wanted in schema.get(_KINDS, []))
    return next(found, None)


@cache
def shape_of(api_version: str, kind: str) -> Shape:
    """The type of a kind; anything for one that is not served."""
    name = type_name(api_version, kind)
    return Shape(all_types()[name] if name else {})


def resolved(schema: Document) -> Document:
    """A type with what it refers to in its place."""
    refers = next((part["$ref"] for part in [schema, *schema.get("allOf", ())] if "$ref" in part), None)
    if refers is None:
        return schema
    own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    return all_types()[refers.removeprefix(_PREFIX)] | own


_KINDS = "x-kubernetes-group-version-kind"
