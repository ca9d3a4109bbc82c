"""The look at a node's memory: what the kernel killed for the whole node, and what its conditions say."""

from __future__ import annotations

from datetime import datetime

import msgspec

from aetherius.domain.repair.action import Look, Phase
from aetherius.domain.repair.answers import Name


class NodePressure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read what is told of the memory of a pod's node."""

    pod: Name


class SystemKill(msgspec.Struct, frozen=True, kw_only=True):
    """Kills for the whole node's memory, told by one event; times as the cluster tells them."""

    first: datetime
    last: datetime
    message: str = ""


class NodePressureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers."""

    node: str
    system_kills: list[SystemKill]
    pressures: list[str]
    """Types of its conditions that say pressure now."""
    unread: list[str] = []
    """What the agent may not read: `events`, `conditions`. Then nothing is known of it."""


class NodePressureLook(Look[NodePressure]):
    """The entry."""

    name = "NodePressure"
    parameters = NodePressure
    asks = Phase.READ

    def object_of(self, parameters: NodePressure) -> str:
        """The pod."""
        return parameters.pod


ENTRY = NodePressureLook()
