"""The headers that every message of ours carries: its deterministic id, its trace, and what CloudEvents asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aetherius.domain.wire import headers


def envelope(message_id: str, kind: str, source: str, at: datetime, traceparent: str | None = None) -> dict[str, str]:
    """Headers of a message.

    Args:
        message_id: the same for a repeat.
        kind: the CloudEvents type without our prefix.
        source: who speaks: `MANAGER_SOURCE`, or what `agent_source` says.
        traceparent: the trace that it belongs to; None: to none.
    """
    fields = {
        headers.MESSAGE_ID: message_id,
        headers.CE_ID: message_id,
        headers.CE_TYPE: f"aetherius.{kind}",
        headers.CE_SOURCE: source,
        headers.CE_TIME: at.isoformat(),
    }
    if traceparent:
        fields[headers.TRACEPARENT] = traceparent
    return fields


MANAGER_SOURCE: Final = "/aetherius/agent_manager"


def agent_source(cluster_id: str, agent_id: str) -> str:
    """An agent, as the source of a message."""
    return f"/aetherius/clusters/{cluster_id}/agents/{agent_id}"
