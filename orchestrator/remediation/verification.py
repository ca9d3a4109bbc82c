"""How a repair is verified: which typed look proves that it helped, and for how long."""

from __future__ import annotations

from typing import Any

import msgspec

from aetherius.domain.remediation import Proposed
from aetherius.domain.wire.repair import DrainNodeAnswer


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    soak: float = 60.0
    """After a rollout is complete it must stay so for this long; for a memory limit, without an OOM kill."""
    rollout: float = 300.0
    """A rollout or an evacuation that takes longer has failed."""
    repair: float = 120.0
    """The repair itself: a patch, or the evictions of a node."""

    @property
    def verification(self) -> float:
        """How long the verifying command may take: rollout, soak and some slack."""
        return self.rollout + self.soak + 10.0


def verification_of(
    proposal: Proposed, drain: DrainNodeAnswer | None, patience: Patience
) -> tuple[str, dict[str, Any]]:
    """Action and parameters of the command that verifies a proposal that was executed."""
    if proposal.action == "DrainNode":
        workloads = [msgspec.to_builtins(each) for each in (drain.workloads if drain else [])]
        return "VerifyEvacuation", {
            "node": proposal.parameters["node"],
            "workloads": workloads,
            "deadline_seconds": patience.rollout,
        }
    return "VerifyWorkload", {
        "kind": "Deployment",
        "name": proposal.parameters["name"],
        "soak_seconds": patience.soak,
        "deadline_seconds": patience.rollout,
        "watch_oom": proposal.action == "UpdateResourceLimits",
    }
