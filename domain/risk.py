"""How risky a repair is, and who must say yes."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from aetherius.domain.root_cause import CauseCode


class RiskLevel(enum.StrEnum):
    """`none` changes nothing; `medium` and up wait for a person."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 (none) to 3 (high), for comparing."""
        return ("none", "low", "medium", "high").index(self.value)


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """A level, why, and whether a person must approve."""

    level: RiskLevel
    reasons: list[str]

    @property
    def approval_required(self) -> bool:
        """From `medium` up."""
        return self.level.rank >= RiskLevel.MEDIUM.rank


_BASE: Final[dict[str, tuple[RiskLevel, str]]] = {
    "Notify": (RiskLevel.NONE, "changes nothing"),
    "UpdateResourceLimits": (RiskLevel.LOW, "a rolling update with a higher memory limit, undone by the old limit"),
    "RollbackDeployment": (RiskLevel.LOW, "back to a revision that was available; the present one never became so"),
    "DrainNode": (RiskLevel.HIGH, "moves every pod of a node"),
}


def assess(action: str, cause: CauseCode, *, reopened: int) -> Risk:
    """The risk of an action for a cause, on an incident that was reopened so many times."""
    level, why = _BASE.get(action, (RiskLevel.HIGH, f"nothing is known of {action}"))
    reasons = [why]
    if action == "RollbackDeployment" and cause is CauseCode.CONFIG:
        level = RiskLevel.MEDIUM
        reasons.append("a change of configuration may be wanted, and the missing object on its way")
    if action != "Notify" and reopened:
        level = max(level, RiskLevel.MEDIUM, key=lambda each: each.rank)
        reasons.append(f"the trouble came back {reopened} time(s) after a repair")
    return Risk(level=level, reasons=reasons)
