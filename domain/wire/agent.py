"""How an agent introduces itself and says that it lives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=253)]


class RegisterMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Sent once per start, before anything else, and repeated until it is answered."""

    cluster_id: Name
    agent_id: Name
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    """Raised at each start with an empty spool."""
    agent_version: Name
    kubernetes_version: Name
    capabilities: list[str] = msgspec.field(default_factory=list)
    """Tools and typed repairs that the agent can run (`kubectl`, `UpdateResourceLimits`, ...)."""
    timestamp: datetime
    repairs: bool = False
    """Whoever enrolled the cluster allowed repairs from the start. Counts at the first registration only."""


class RegisterReply(msgspec.Struct, frozen=True, kw_only=True):
    """The accepted configuration, or why the agent is refused."""

    accepted: bool
    reason: str = ""
    heartbeat_interval: float = 30.0
    """Seconds."""
    batch_size: int = 100
    batch_wait: float = 0.2
    """Seconds that a batch may wait to fill."""


class HeartbeatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Core NATS: a lost one does no harm, the next follows."""

    cluster_id: Name
    agent_id: Name
    epoch: int
    timestamp: datetime
    sequence: int = 0
    """Last event sequence published."""
    spooled: int = 0
    """Events waiting in the spool."""
