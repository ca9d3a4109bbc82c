"""Entries of a folder: each module of a package that has an `ENTRY` gives one. So a new kind of repair or fault is one new file, and no list elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def entries_of(package: ModuleType, kind: type[T]) -> Iterator[T]:
    """The `ENTRY` of each module directly in a package, in the order of the modules' names.

    Raises:
        TypeError: a module's `ENTRY` is of another kind.
    """
    for found in sorted(each.name for each in pkgutil.iter_modules(package.__path__)):
        entry = getattr(importlib.import_module(f"{package.__name__}.{found}"), "ENTRY", None)
        if entry is None:
            continue
        if not isinstance(entry, kind):
            raise TypeError(f"ENTRY of {package.__name__}.{found} is no {kind.__name__}")
        yield entry
