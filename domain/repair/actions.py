"""All typed actions that this process knows, by name and by what a workflow's decision calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from aetherius.domain import repair
from aetherius.domain.entries import entries_of
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair.action import Action, Phase, Repair


class TypedAction(NamedTuple):
    """An action with parameters that fit it."""

    action: Action[Any]
    parameters: msgspec.Struct

    @property
    def phase(self) -> Phase:
        """What it asks of the agent."""
        return self.action.phase(self.parameters)


class Actions:
    """A set of entries; immutable."""

    def __init__(self, entries: Iterable[Action[Any]]) -> None:
        self._by_name = {entry.name: entry for entry in entries}
        self._by_choice = {entry.choice: entry for entry in self._by_name.values() if isinstance(entry, Repair)}

    @property
    def names(self) -> list[str]:
        """Names on the wire."""
        return list(self._by_name)

    @property
    def choices(self) -> Mapping[str, Repair[Any]]:
        """Repairs by what a decision's `then` calls them."""
        return self._by_choice

    def repair(self, name: str) -> Repair[Any] | None:
        """The repair of a name; None for one that this version does not know, or that only looks."""
        found = self._by_name.get(name)
        return found if isinstance(found, Repair) else None

    def parse(self, name: str, parameters: dict[str, Any]) -> TypedAction:
        """The typed action of a command.

        Raises:
            InvalidMessageError: unknown action, or a parameter breaks a rule (named in the error).
        """
        found = self._by_name.get(name)
        if found is None:
            raise InvalidMessageError("action", f"{name!r} is not one of {', '.join(self._by_name)}")
        return TypedAction(found, found.parse(parameters))

    def with_entries(self, *entries: Action[Any]) -> Actions:
        """These and more."""
        return Actions((*self._by_name.values(), *entries))


@cache
def shipped_actions() -> Actions:
    """The entries of this folder."""
    return Actions(entries_of(repair, Action))  # type: ignore[type-abstract]
