"""What each list must say at each position, found the slow way: by replaying aggregates. Knows nothing of read models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from aetherius.domain.agent import Agent
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.cluster import Cluster
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Command, Failed, Succeeded, TimedOut
from aetherius.domain.event import Recorded
from aetherius.domain.freeze import Freeze
from aetherius.domain.incident import Incident
from aetherius.domain.remediation import Remediation
from aetherius.domain.strategy import Selected
from aetherius.domain.workflow.workflow import Workflow

KINDS: dict[str, tuple[str, type[Aggregate]]] = {
    "Agent": ("agents", Agent),
    "Cluster": ("clusters", Cluster),
    "Incident": ("incidents", Incident),
    "Command": ("commands", Command),
    "Workflow": ("workflows", Workflow),
    "Remediation": ("remediations", Remediation),
    "Freeze": ("freezes", Freeze),
}
LISTS = ("agents", "clusters", "events", "incidents", "commands", "workflows", "remediations", "freezes")
Lists = dict[str, list[dict[str, Any]]]


def lists_over_time(
    history: Sequence[Recorded],
    wanted: Callable[[Recorded], bool] = lambda recorded: True,
    newest: int | None = None,
) -> Iterator[tuple[int, Lists]]:
    """Position 0, and each next one that is wanted, with all lists as they then are, newest first; at most so many entries of each."""
    aggregates: dict[str, dict[UUID, Aggregate]] = {name: {} for name in LISTS}
    reports: list[Recorded] = []
    strategies: dict[UUID, UUID] = {}
    yield 0, {name: [] for name in LISTS}
    for recorded in history:
        if isinstance(recorded.event, Reported):
            reports.append(recorded)
        elif isinstance(recorded.event, Selected):
            strategies[recorded.event.incident_id] = recorded.event.workflow_id
        elif found := KINDS.get(recorded.event.topic.partition(".")[0]):
            name, cls = found
            aggregates[name].setdefault(recorded.stream_id, cls(recorded.stream_id)).evolve(recorded.event)
        if wanted(recorded):
            yield recorded.position, _lists(aggregates, reports, strategies, newest)


def _lists(
    aggregates: dict[str, dict[UUID, Aggregate]],
    reports: list[Recorded],
    strategies: dict[UUID, UUID],
    newest: int | None,
) -> Lists:
    lists = {
        name: [_shown(each, strategies) for each in islice(reversed(group.values()), newest)]
        for name, group in aggregates.items()
    }
    lists["events"] = [_report(each) for each in islice(reversed(reports), newest)]
    return lists


def _report(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Reported)
    return {
        "id": recorded.stream_id,
        "cluster_id": event.cluster_id,
        "reason": event.reason,
        "message": event.message,
        "raw_data": event.raw_data,
        "name": event.labels.name,
        "occurred_at": recorded.occurred_at,
    }


def _shown(aggregate: Aggregate, strategies: dict[UUID, UUID]) -> dict[str, Any]:
    fields: tuple[str, ...]
    match aggregate:
        case Agent():
            fields = ("status", "cluster_id", "agent_id", "epoch")
        case Cluster():
            fields = ("cluster_id", "kubernetes_version", "labels", "repairs")
        case Incident():
            fields = ("status", "severity", "symptom", "event_count", "reopened", "root_cause")
            more = {
                "reasons": sorted(aggregate.reasons),
                "pods": list(aggregate.pods),
                "workflow_id": strategies.get(aggregate.id),
            }
            return _fields(aggregate, fields) | more
        case Command():
            fields = ("status",)
            ran = isinstance(aggregate.answer, Succeeded | Failed | TimedOut)
            return _fields(aggregate, fields) | {"output": aggregate.answer.output if ran else ""}  # type: ignore[union-attr]
        case Workflow():
            state = aggregate.state
            steps = {step.id: state.step(step.id) for step in state.definition.steps}
            shown = [(id, step.status, step.attempt, step.work_id) for id, step in steps.items()]
            return {"id": aggregate.id, "status": state.status, "choice": state.choice, "steps": shown}
        case Remediation():
            summary = aggregate.executed.summary if aggregate.executed else ""
            return _fields(aggregate, ("status",)) | {"execution": summary}
        case Freeze():
            return {"id": aggregate.id, "lifted": aggregate.present is None}
        case _:
            raise AssertionError(aggregate)
    return _fields(aggregate, fields)


def _fields(aggregate: Aggregate, names: tuple[str, ...]) -> dict[str, Any]:
    return {"id": aggregate.id} | {name: getattr(aggregate, name) for name in names}


def of_row(row: Any, like: dict[str, Any]) -> dict[str, Any]:
    """A read model's row in the oracle's words."""
    shown = {name: getattr(row, name) for name in like}
    if "steps" in shown:
        shown["steps"] = [(step.id, step.status, step.attempt, step.work_id) for step in row.steps]
    return shown
