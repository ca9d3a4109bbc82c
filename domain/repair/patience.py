"""How long repairs and their verification may take."""

from __future__ import annotations

import msgspec


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
