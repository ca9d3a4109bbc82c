"""The headers of a message that an agent sends."""

from __future__ import annotations

from datetime import datetime

from aetherius.domain.wire import headers
from aetherius.runtime.telemetry import child_of


def envelope(
    message_id: str, kind: str, cluster_id: str, agent_id: str, at: datetime, traceparent: str | None = None
) -> dict[str, str]:
    """`message_id` must be the same for a repeat; `kind` is the CloudEvents type without our prefix."""
    return {
        headers.MESSAGE_ID: message_id,
        headers.TRACEPARENT: child_of(traceparent),
        headers.CE_ID: message_id,
        headers.CE_TYPE: f"aetherius.{kind}",
        headers.CE_SOURCE: f"/aetherius/clusters/{cluster_id}/agents/{agent_id}",
        headers.CE_TIME: at.isoformat(),
    }
