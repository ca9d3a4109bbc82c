"""Which fields are secret: marked where they are declared, sealed one by one before they are stored, and opened only for who needs their text.

`output: Secret` in an event, or in a row of a read model, says that the field holds what a cluster printed, or another thing that not everyone may read. The
log seals it (`domain/keyring.py`) on the way in. Reading leaves it sealed: rows, bundles and indices carry the sealed text, as they should. Only top-level
fields of an event can be secret, and named keys of a dict; a test holds that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import inspect

Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text that is sealed; empty stays empty."""
StepOutput = Annotated[dict[str, Any], msgspec.Meta(extra={"secret_keys": ("output", "error")})]
"""What a step gave: what its command printed is sealed, the rest can be read."""

S = TypeVar("S", bound=msgspec.Struct)


class Seals(Protocol):
    """What seals (``domain.keyring.Keyring``). `place` is the stream that the text is stored in."""

    def seal(self, text: str, place: UUID) -> str:
        """The sealed text; what is empty, or sealed for this place already, stays as it is."""


class Opens(Protocol):
    """What opens (``domain.keyring.Keyring``), for whoever asks."""

    def show(self, text: str, place: UUID) -> str:
        """The plain text, or, in its stead, why it cannot be had. Never raises."""


def secret_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of an event, or of a row, that are secret or hold secret values."""
    return frozenset(_marked(cls))


def sealed(struct: S, place: UUID, keys: Seals) -> S:
    """The struct with its secrets sealed.

    Raises:
        NoKeyError: it has one, and there is no key.
    """
    return _replaced(struct, lambda text: keys.seal(text, place))


def opened(struct: S, place: UUID, keys: Opens) -> S:
    """The struct with its secrets in plain text, as far as they can be opened. For people who may see them, never to be stored."""
    return _replaced(struct, lambda text: keys.show(text, place))


def _replaced(struct: S, change: Callable[[str], str]) -> S:
    marked = _marked(type(struct))
    if not marked:
        return struct
    changes = {}
    for name, names in marked.items():
        before = getattr(struct, name)
        after = change(before) if names is None else _changed(before, names, change)
        if after != before:
            changes[name] = after
    return msgspec.structs.replace(struct, **changes) if changes else struct


def _changed(values: dict[str, Any], names: tuple[str, ...], change: Callable[[str], str]) -> dict[str, Any]:
    return {
        name: change(value) if name in names and isinstance(value, str) else value for name, value in values.items()
    }


@cache
def _marked(cls: type[msgspec.Struct]) -> dict[str, tuple[str, ...] | None]:
    """Secret fields by name: None for a text, the secret keys for a dict."""
    marked: dict[str, tuple[str, ...] | None] = {}
    for name, kind in _types(cls):
        extra = (kind.extra or {}) if isinstance(kind, inspect.Metadata) else {}
        if extra.get("secret"):
            marked[name] = None
        elif extra.get("secret_keys"):
            marked[name] = extra["secret_keys"]
    return marked


def _types(cls: type[msgspec.Struct]) -> list[tuple[str, inspect.Type]]:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    return [(field.name, field.type) for field in kind.fields]
