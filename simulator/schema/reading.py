"""Reads a document by its type: what has the wrong type is refused, what the type does not name is told and left out.

Not checked: ranges, patterns, enumerations, and keys that stand twice in the JSON.
"""

from __future__ import annotations

from typing import Any

from aetherius.simulator.documents import Document
from aetherius.simulator.errors import ApiError, bad_request
from aetherius.simulator.schema.shape import Shape

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip
_NAMES = {dict: "object", list: "array", str: "string", int: "number", float: "number", bool: "bool"}


class Reading:
    """One reading of one document: `document` without what its type does not name, `unknown` with the paths of that."""

    def __init__(self, shape: Shape, kind: str, document: Document) -> None:
        """Read at once; raises `ApiError` 400 for a value of the wrong type."""
        self.unknown: list[str] = []
        self._kind = kind
        self.document: Document = self._value(shape, document, "")

    def forgive(self, paths: list[str]) -> None:
        """Tell of these no more."""
        self.unknown = [path for path in self.unknown if path not in paths]

    def refusal(self, version: str) -> ApiError:
        """What a strict reader answers to unknown fields."""
        told = ", ".join(f'unknown field "{path}"' for path in self.unknown)
        return bad_request(
            f'{self._kind} in version "{version}" cannot be handled as a {self._kind}: strict decoding error: {told}'
        )

    def _value(self, shape: Shape, value: Any, path: str) -> Any:
        self._check_type(shape, value, path)
        if isinstance(value, list) and shape.values is not None:
            return [self._value(shape.values, item, f"{path}[{at}]") for at, item in enumerate(value)]
        if isinstance(value, dict) and shape.is_struct:
            return self._struct(shape, value, path)
        if isinstance(value, dict) and shape.values is not None:
            return {key: self._value(shape.values, child, f"{path}.{key}") for key, child in value.items()}
        return value

    def _struct(self, shape: Shape, value: Document, path: str) -> Document:
        read = {}
        for key, child in value.items():
            where = f"{path}.{key}" if path else key
            if key not in shape.fields:
                self.unknown.append(where)
            elif not _says_nothing(shape.fields[key], child):
                read[key] = self._value(shape.fields[key], child, where)
        return read

    def _check_type(self, shape: Shape, value: Any, path: str) -> None:
        wanted = _TYPES.get(shape.json_type)
        if wanted is None or value is None:
            return
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            found = _NAMES.get(type(value), type(value).__name__)
            place = (
                f"json: cannot unmarshal {found} into Go struct field {self._kind}.{path} of type {shape.number_format}"
            )
            raise bad_request(f"{self._kind} cannot be handled as a {self._kind}: {place}")


def _says_nothing(shape: Shape, value: Any) -> bool:
    """Whether a value is as good as an absent one: null, an empty list or map. An empty object is not (`emptyDir: {}`)."""
    return value is None or (shape.values is not None and value == ([] if shape.is_list else {}))
