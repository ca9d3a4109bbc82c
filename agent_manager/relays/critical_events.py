"""Severe events, from the log to the internal bus as `internal.event.critical`; each at least once, under a deterministic message id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.relays.definitions import Definitions
from aetherius.domain.catalogue.event_reasons import Surface, event_reasons
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Event, Recorded
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.wire.critical_event import CriticalEventMessage, ResourceRef
from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.subjects import CRITICAL_EVENT
from aetherius.domain.workflow.definition import WorkflowDefinition
from aetherius.event_store.pending import Page
from aetherius.runtime.envelope import MANAGER_SOURCE, envelope
from aetherius.runtime.jetstream.streams import INTERNAL

_SURFACES: Final[dict[str, Surface]] = {"container_status": "container_status", "node_status": "condition"}


class CriticalEvents:
    """Publishes what whoever listens beside the log should hear at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._definitions = Definitions(context)

    async def publish(self, page: Page) -> None:
        """Publish the severe events of a page. Raises nats.errors.Error, LogUnavailableError: safe to repeat."""
        severe = [recorded for recorded in page if _is_severe(recorded.event)]
        if severe:
            definitions = await self._definitions.in_force()
            await asyncio.gather(*(self._publish(recorded, definitions) for recorded in severe))

    async def _publish(self, recorded: Recorded, definitions: Mapping[str, WorkflowDefinition]) -> None:
        payload = msgspec.json.encode(critical_event(recorded, definitions))
        trace = recorded.cause.traceparent
        sent = envelope(str(recorded.id), "event.critical", MANAGER_SOURCE, recorded.occurred_at, trace)
        await self._context.js.publish(CRITICAL_EVENT, payload, stream=INTERNAL, headers=sent)


def _is_severe(event: Event) -> bool:
    return isinstance(event, Reported) and event.severity in (Severity.HIGH, Severity.CRITICAL)


def critical_event(recorded: Recorded, definitions: Mapping[str, WorkflowDefinition]) -> CriticalEventMessage:
    """The message of a `ClusterEvent.Reported`; the category is the catalogue's, the workflow that of the definitions in force."""
    event = recorded.event
    assert isinstance(event, Reported)
    labels = event.labels
    classified = event_reasons().lookup(
        event.reason,
        kind=labels.kind,
        source=event.source,
        message=event.message,
        surface=_SURFACES.get(event.source, "event"),
    )
    return CriticalEventMessage(
        event_id=str(recorded.stream_id),
        cluster_id=event.cluster_id,
        severity=event.severity,
        category=classified.category,
        resource=ResourceRef(kind=labels.kind, name=labels.name, namespace=event.namespace),
        details={
            "reason": event.reason,
            "message": event.message,
            "timestamp": recorded.occurred_at,
            "position": recorded.position,
            "labels": labels,
            "raw_data": event.raw_data,
        },
        suggested_workflow=shipped_faults().suggested_workflow(event, definitions),
    )
