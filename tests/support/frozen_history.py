"""Freezes in a random history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aetherius.domain.event import Cause
from aetherius.domain.freeze import Freeze, Scope, freeze_stream

if TYPE_CHECKING:
    from log_history import History


def touch_freeze(history: History, cluster: str) -> None:
    """Set one of the cluster, or lift it."""
    scope, at = Scope(cluster_id=cluster), history.tick()
    freeze = history.get(Freeze, freeze_stream(scope))
    if freeze.present is None:
        freeze.set(scope, "release \0", "user:ada", None, at)
    else:
        freeze.lift("user:ada", "done", at)
    history.log.save(freeze, Cause(actor="user:ada"))
