"""One stream over time: its state at any version, and what each event changed. Pure: histories in, JSON values out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from aetherius.domain.agent import Agent
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.analysis import Analysis
from aetherius.domain.cluster import Cluster
from aetherius.domain.command import Command
from aetherius.domain.event import Event, Recorded
from aetherius.domain.incident import Incident
from aetherius.domain.remediation import Remediation
from aetherius.domain.workflow.workflow import Workflow

_AGGREGATES: Final[dict[str, type[Aggregate]]] = {
    cls.stream: cls for cls in (Agent, Analysis, Cluster, Command, Incident, Remediation, Workflow)
}
_OWN: Final = ("id", "pending", "version")

State = dict[str, Any]
Diff = list[tuple[str, Any, Any]]
"""Path (dots between names and indexes), value before, value after; None where there was or is none."""


class _Facts(Aggregate):
    """The state of a stream without rules of its own: the last thing its events said of each field."""

    def __init__(self, id: Any) -> None:
        super().__init__(id)
        self.facts: State = {}

    def evolve(self, event: Event) -> None:
        self.facts |= to_json(event)


def kind_of(recorded: Recorded) -> str:
    """The kind of an event's stream: `Incident`."""
    return recorded.event.topic.partition(".")[0]


def states(history: Sequence[Recorded]) -> Iterator[tuple[Recorded, State, State]]:
    """Each event of a stream, from its first, with the state before and after it."""
    if not history:
        return
    aggregate = _AGGREGATES.get(kind_of(history[0]), _Facts)(history[0].stream_id)
    before: State = {}
    for recorded in history:
        if recorded.is_readable:
            aggregate.evolve(recorded.event)
        after = state_of(aggregate)
        yield recorded, before, after
        before = after


def state_of(aggregate: Aggregate) -> State:
    """The state as JSON values, without id and version."""
    if isinstance(aggregate, _Facts):
        return dict(aggregate.facts)
    return {name: to_json(value) for name, value in vars(aggregate).items() if name not in _OWN}


def to_json(value: Any) -> Any:
    """A value as JSON values; sets in order, so that equal states are equal."""
    if isinstance(value, set | frozenset):
        return sorted(map(to_json, value))
    return msgspec.to_builtins(value, str_keys=True)


def diff(before: Any, after: Any, path: str = "") -> Diff:
    """What differs, leaf by leaf."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return _differences(path, [(str(name), before.get(name), after.get(name)) for name in names])
    if isinstance(before, list) and isinstance(after, list):
        both = range(max(len(before), len(after)))
        return _differences(path, [(str(i), _at(before, i), _at(after, i)) for i in both])
    return [(path, before, after)]


def _differences(path: str, parts: list[tuple[str, Any, Any]]) -> Diff:
    prefix = f"{path}." if path else ""
    return [change for name, old, new in parts for change in diff(old, new, prefix + name)]


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
