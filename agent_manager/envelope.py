"""The headers that every message of ours carries: its deterministic id, its trace, and what CloudEvents asks for."""

from __future__ import annotations

from datetime import datetime

from aetherius.domain.wire import headers


def envelope(message_id: str, kind: str, at: datetime, traceparent: str | None = None) -> dict[str, str]:
    """Headers of a message; `kind` is its CloudEvents type without the prefix."""
    fields = {
        headers.MESSAGE_ID: message_id,
        headers.CE_ID: message_id,
        headers.CE_TYPE: f"aetherius.{kind}",
        headers.CE_SOURCE: "/aetherius/agent_manager",
        headers.CE_TIME: at.isoformat(),
    }
    if traceparent:
        fields[headers.TRACEPARENT] = traceparent
    return fields
