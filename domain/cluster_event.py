"""What clusters reported: one event a stream, never changed, kept in the `observed` table."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aetherius.domain.event import Event
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity


class Reported(Event, stream="ClusterEvent", frozen=True, kw_only=True, omit_defaults=True):
    """An agent saw something. Fields as in the wire message; `occurred_at` is in the envelope."""

    cluster_id: str
    type: str = "k8s_event"
    source: str
    severity: Severity
    reason: str
    message: str
    namespace: str = ""
    labels: Labels
    raw_data: RawData = RawData()
    agent_id: str
    epoch: int
    sequence: int
    uid: str = ""
    resource_version: str = ""


def reported(message: EventMessage) -> tuple[UUID, Reported, datetime]:
    """Stream id, event and time of a report.

    Raises:
        ValueError: the message's id is not a UUID.
    """
    fields = {name: getattr(message, name) for name in Reported.__struct_fields__}
    return UUID(message.id), Reported(**fields), message.timestamp
