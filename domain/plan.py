"""The plan of a proposed repair: what would be changed as things are now, and the digest that a person's yes is bound to.

The agent says it, by a dry run. `seen` are the facts that it stands on; the agent compares them once more before it changes anything, and where one is
different by then, nothing is changed and the person is asked again.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class DryRun(enum.StrEnum):
    """What trying it said."""

    PASSED = "passed"
    REFUSED = "refused"
    """Agent or cluster would refuse it as things are."""
    UNKNOWN = "unknown"
    """Nobody answered, or the answer cannot be read."""


class TrackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How often an action was done before, and how often it was verified to have helped."""

    done: int = 0
    helped: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done, as of a moment."""

    number: int
    """1 for the first; each time something changed there is another one."""
    dry_run: DryRun
    told: str
    """The expected effect in words, or why it would be refused, or why nobody knows."""
    diff: list[str] = []
    """What changes, field by field: `path: before -> after`. Values that may be secret are left out."""
    affected: list[str] = []
    """Whom it touches besides the object itself: workloads, as `namespace/kind/name`."""
    warnings: list[str] = []
    undo: str = ""
    """What takes it back, and whether that is done by itself."""
    seen: list[str] = []
    """The facts that it stands on."""
    here: TrackRecord = TrackRecord()
    """This action on this very object."""
    anywhere: TrackRecord = TrackRecord()
    """This action on any object of any cluster."""
    expires_at: datetime | None = None
    """Until when a person may say yes to it."""


def digest_of(remediation_id: UUID, action: str, parameters: dict[str, Any], target: list[str], plan: Plan) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON (sorted keys) of all that a person says yes to.

    `target`: cluster, namespace, kind and name.
    """
    bound = {
        "remediation": remediation_id,
        "target": target,
        "action": action,
        "parameters": parameters,
        "plan": msgspec.to_builtins(plan),
    }
    return hashlib.sha256(msgspec.json.encode(bound, order="sorted")).hexdigest()
