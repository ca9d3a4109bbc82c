"""All typed actions that this agent can do, by name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from aetherius.domain.entries import entries_of
from aetherius.domain.repair.actions import Actions, TypedAction
from aetherius.edge_agent import repair
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performer import Job, Performer


class Performers:
    """A set of entries; immutable."""

    def __init__(self, entries: Iterable[Performer[Any]]) -> None:
        self._by_name = {entry.action.name: entry for entry in entries}
        self._actions = Actions(entry.action for entry in self._by_name.values())

    @property
    def names(self) -> list[str]:
        """Names on the wire."""
        return self._actions.names

    def entry(self, name: str) -> Performer[Any]:
        """The performer of an action. Raises ``KeyError`` for one that this agent cannot do."""
        return self._by_name[name]

    def parse(self, name: str, parameters: dict[str, Any]) -> TypedAction:
        """The typed action of a command.

        Raises:
            InvalidMessageError: unknown action, or a parameter breaks a rule (named in the error).
        """
        return self._actions.parse(name, parameters)

    def perform(self, typed: TypedAction, namespace: str, cluster: Cluster, watch: Stopwatch) -> bytes:
        """Do an action and return its answer as JSON. Blocking.

        Raises:
            RepairRefusedError: nothing was changed, for the reason it gives.
            ClusterRefusedError: the API server refuses. A dry run comes first, so that nothing was changed then.
            ClusterUnreachableError: a change may or may not have been made; doing the action again finds out.
        """
        performer = self._by_name[typed.action.name]
        return msgspec.json.encode(performer.perform(Job(typed.parameters, namespace, cluster, watch)))

    def with_entries(self, *entries: Performer[Any]) -> Performers:
        """These and more."""
        return Performers((*self._by_name.values(), *entries))


@cache
def shipped_performers() -> Performers:
    """The entries of this folder."""
    return Performers(entries_of(repair, Performer))
