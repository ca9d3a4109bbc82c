"""An object that was reported as failing, as far as it must be known to tell later what became of it."""

from __future__ import annotations

import msgspec

from aetherius.domain.wire.event import Labels


class FailingObject(msgspec.Struct, frozen=True, kw_only=True):
    """A pod or a node, as it was named when it was last reported."""

    namespace: str
    labels: Labels
    gone_at: float | None = None
    """When it was seen to be gone, in seconds since 1970; None while it exists."""
