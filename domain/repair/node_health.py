"""The look at a node that is in trouble: what its kubelet said last, when it was last heard of, and what is meant to become of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from aetherius.domain.repair.action import Look, Phase
from aetherius.domain.repair.answers import Name


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read a node's conditions, marks and lease."""

    node: Name


class NodeTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """A condition, other than `Ready`, that says that something is wrong."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None


class NodeHealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers. All times are the cluster's; `looked_at` is the agent's."""

    node: str
    looked_at: datetime
    ready: str
    """`True`; `False`: the kubelet lives and says why it is not ready; `Unknown`: it has not been heard of."""
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    lease_renewed: datetime | None = None
    """The kubelet's last sign of life; None where there is no lease that we can read."""
    lease_seconds: float = 0.0
    """For how long a lease holds."""
    off: bool = False
    """The cloud says that the machine is off."""
    taints: list[str]
    """Keys of the taints that tell of its state."""
    troubles: list[NodeTrouble]
    plan: str = ""
    """What is meant to become of it, in words; empty for nothing that is known."""
    cordoned_by_other: bool = False


class NodeHealthLook(Look[NodeHealth]):
    """The entry."""

    name = "NodeHealth"
    parameters = NodeHealth
    asks = Phase.READ

    def object_of(self, parameters: NodeHealth) -> str:
        """The node."""
        return parameters.node


ENTRY = NodeHealthLook()
