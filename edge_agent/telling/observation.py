"""One thing that the agent saw, before it has a place in the agent's own sequence (the spool gives that)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity

MAX_MESSAGE = 4096
"""Characters kept of a message: what matters stands at its beginning, and 100 of them must fit into one NATS message."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """The event message without agent, epoch and sequence."""

    id: str
    cluster_id: str
    timestamp: datetime
    source: str
    severity: Severity
    reason: str
    message: str
    namespace: str = ""
    labels: Labels
    raw_data: RawData = RawData()
    uid: str = ""
    resource_version: str = ""
    failing: bool | None = None
    """True: the object `uid` fails from now on; False: it is well again; None: says nothing about that."""

    def numbered(self, agent_id: str, epoch: int, sequence: int) -> EventMessage:
        """The event message at its place."""
        return EventMessage(
            id=self.id,
            cluster_id=self.cluster_id,
            timestamp=self.timestamp,
            source=self.source,
            severity=self.severity,
            reason=self.reason,
            message=self.message,
            namespace=self.namespace,
            labels=self.labels,
            raw_data=self.raw_data,
            uid=self.uid,
            resource_version=self.resource_version,
            agent_id=agent_id,
            epoch=epoch,
            sequence=sequence,
        )


def shortened(text: str) -> str:
    """The text without control characters, cut to `MAX_MESSAGE`."""
    printable = "".join(char if char.isprintable() or char == "\n" else " " for char in text[: MAX_MESSAGE + 1])
    return printable if len(printable) <= MAX_MESSAGE else printable[: MAX_MESSAGE - 1] + "…"
