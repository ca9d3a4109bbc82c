"""Sets of fields of a document, as managedFields writes them: a path for each value that may have an owner of its own.

A path is a tuple of steps: `f:name` into an object, `k:{"name":"app"}` to an item of a list that has keys, `v:"x"` to an item of a set,
and `.` at the end for the item itself. What is atomic is one value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from aetherius.simulator.documents import Document
from aetherius.simulator.schema.shape import Shape

Path = tuple[str, ...]
ITEM = "."
ABSENT = object()
"""The value at a path that leads nowhere."""
_ANY = Shape({})


def fields_of(shape: Shape, document: Document) -> set[Path]:
    """The fields of a document of that type."""
    return set(_fields(shape, document, ()))


def _fields(shape: Shape, value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value and not (path and shape.is_atomic):
        for key, child in value.items():
            yield from _fields(inner(shape, key), child, (*path, f"f:{key}"))
    elif isinstance(value, list) and not shape.is_atomic:
        for item in value:
            step = step_to(shape, item)
            yield (*path, step, ITEM)
            yield from _fields(shape.values or _ANY, item, (*path, step)) if isinstance(item, dict) else ()
    else:
        yield path


def inner(shape: Shape, key: str) -> Shape:
    """The type of a field or of a map's value."""
    return shape.fields.get(key) or shape.values or _ANY


def step_to(shape: Shape, item: Any) -> str:
    """The step that leads to an item of a list with keys, or of a set."""
    if not shape.list_keys:
        return f"v:{_text(item)}"
    of = shape.values or _ANY
    return f"k:{_text({key: item.get(key, inner(of, key).default) for key in shape.list_keys})}"


def value_at(shape: Shape, value: Any, path: Path) -> Any:
    """The value that a path leads to; `ABSENT` where it leads nowhere."""
    for step in path:
        if step == ITEM:
            return True
        if step.startswith("f:"):
            key = step[2:]
            value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
            shape = inner(shape, key)
        else:
            found = (
                (item for item in value or () if step_to(shape, item) == step) if isinstance(value, list) else iter(())
            )
            value, shape = next(found, ABSENT), shape.values or _ANY
        if value is ABSENT:
            return ABSENT
    return value


def remove(shape: Shape, value: Any, path: Path) -> None:
    """Take what a path leads to out of a document, and the objects that it leaves empty."""
    step, *rest = path
    if step.startswith("f:") and isinstance(value, dict) and step[2:] in value:
        key = step[2:]
        if rest:
            remove(inner(shape, key), value[key], tuple(rest))
        if not rest or value[key] in ({}, []):
            del value[key]
    elif isinstance(value, list):
        for item in [item for item in value if step_to(shape, item) == step]:
            if rest == [ITEM]:
                value.remove(item)
            elif rest:
                remove(shape.values or _ANY, item, tuple(rest))


def to_tree(paths: Iterable[Path]) -> Document:
    """The form of `fieldsV1`."""
    tree: Document = {}
    for path in sorted(paths):
        place = tree
        for step in path:
            place = place.setdefault(step, {})
    return tree


def from_tree(tree: Document) -> set[Path]:
    """The set that a `fieldsV1` names."""
    return set(_leaves(tree, ()))


def _leaves(tree: Document, path: Path) -> Iterator[Path]:
    for step, below in tree.items():
        yield from _leaves(below, (*path, step)) if below else [(*path, step)]


def spelled(path: Path) -> str:
    """A path as messages name it: `.spec.template.spec.containers[name="app"].image`."""
    return "".join(_spelled(step) for step in path if step != ITEM)


def _spelled(step: str) -> str:
    form, _, rest = step.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "v":
        return f"[={rest}]"
    return "[" + ",".join(f"{key}={_text(value)}" for key, value in json.loads(rest).items()) + "]"


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
