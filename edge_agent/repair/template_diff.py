"""What putting an earlier template back would change, field by field, and of what kind: so that nothing is undone that nobody meant."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from aetherius.edge_agent.repair.cluster import Document

_NAMED: Final = {
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "containers": "name",
    "initContainers": "name",
}
"""Lists whose entries have names of their own."""
_WHOLE: Final = ("env", "volumes", "volumeMounts")
"""Lists whose entries are one field each: a variable, a volume, a mount."""
_SHOWN: Final = (".image", ".resources.", ".replicas")
"""Fields whose values are shown: those of others may be secret, or long."""


class Part(enum.Enum):
    """What a field is about."""

    IMAGE = enum.auto()
    CONFIG = enum.auto()
    """A reference to a config map or secret."""
    MARK = enum.auto()
    """Labels and annotations of the pods."""
    OTHER = enum.auto()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A field that would get another value."""

    path: tuple[str, ...]
    old: Any
    new: Any
    part: Part

    @property
    def container(self) -> str:
        """The container that it belongs to; empty for the pod's own."""
        return (
            self.path[2]
            if self.path[:1] == ("spec",) and len(self.path) > 2 and self.path[1].endswith("ontainers")
            else ""
        )

    def __str__(self) -> str:
        text = ".".join(self.path)
        shown = any(each in f"{text}." for each in _SHOWN)
        return f"{text}: {_told(self.old)} -> {_told(self.new)}" if shown else text


def differences(present: Document, wanted: Document) -> list[Difference]:
    """All fields in which two pod templates differ; nulls and empties are nothing."""
    old, new = dict(_fields(present, ())), dict(_fields(wanted, ()))
    config = _config_volumes(present) | _config_volumes(wanted)
    return [
        Difference(
            path=path, old=old.get(path), new=new.get(path), part=_part(path, old.get(path), new.get(path), config)
        )
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def more_than_one_thing(found: Sequence[Difference]) -> list[Difference]:
    """What goes beyond one faulty field (the image of one container, or references to configuration); empty where nothing does."""
    images = [each for each in found if each.part is Part.IMAGE]
    config = [each for each in found if each.part is Part.CONFIG]
    other = [each for each in found if each.part is Part.OTHER]
    if len(images) > 1:
        other += images[1:]
    return other + config if images and config else other


def _fields(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _fields(each, (*path, str(key)))
    elif isinstance(value, list) and path and path[-1] in _NAMED and all(isinstance(each, dict) for each in value):
        for number, each in enumerate(value):
            place = (*path, str(each.get(_NAMED[path[-1]], number)))
            yield from [(place, each)] if path[-1] in _WHOLE else _fields(each, place)
    elif value is not None and value != []:
        yield path, value


def _part(path: tuple[str, ...], old: Any, new: Any, config_volumes: set[str]) -> Part:
    if path[0] == "metadata":
        return Part.MARK
    if path[:2] == ("spec", "containers") and path[3:] == ("image",):
        return Part.IMAGE
    return Part.CONFIG if _is_config(path, old, new, config_volumes) else Part.OTHER


def _is_config(path: tuple[str, ...], old: Any, new: Any, config_volumes: set[str]) -> bool:
    if path[1] == "volumes":
        return len(path) > 2 and path[2] in config_volumes
    if path[1] != "containers" or len(path) < 4:
        return False
    values = [each for each in (old, new) if isinstance(each, dict)]
    match path[3]:
        case "envFrom":
            return True
        case "env":
            return bool(values) and all("valueFrom" in each for each in values)
        case "volumeMounts":
            return all(each.get("name") in config_volumes for each in values)
        case _:
            return False


def _config_volumes(template: Document) -> set[str]:
    """Names of volumes that hold config maps or secrets."""
    volumes = (template.get("spec") or {}).get("volumes") or ()
    return {str(each.get("name")) for each in volumes if {"configMap", "secret", "projected"} & set(each)}


def _told(value: Any) -> str:
    return "nothing" if value is None else str(value)
