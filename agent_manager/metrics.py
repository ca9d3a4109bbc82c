"""What the agent manager counts for Prometheus. Names and their meaning: docs/operations/log.md."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

MESSAGES: Final = Counter("aetherius_ingest_messages", "Event messages that were stored and acknowledged")
_EVENTS: Final = Counter("aetherius_ingest_events", "Events taken from messages, by what became of them", ["outcome"])
LEADS: Final = Gauge("aetherius_leads", "1 while this replica of the agent manager is the leader")


def note_stored(messages: int, events: int, new: int) -> None:
    """Note one commit: how many events came, and how many of them were not known yet."""
    MESSAGES.inc(messages)
    _EVENTS.labels("stored").inc(new)
    _EVENTS.labels("known").inc(events - new)
