"""The critical event on the internal bus, for whoever listens beside the log."""

from __future__ import annotations

from typing import Any

import msgspec

from aetherius.domain.wire.event import Severity


class ResourceRef(msgspec.Struct, frozen=True, kw_only=True):
    """An object of a cluster."""

    kind: str
    name: str
    namespace: str = ""


class CriticalEventMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An event of high or critical severity, with the workflow that this event alone would start (empty for none)."""

    event_id: str
    cluster_id: str
    severity: Severity
    category: str
    resource: ResourceRef
    details: dict[str, Any]
    suggested_workflow: str = ""
