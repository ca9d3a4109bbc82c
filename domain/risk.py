"""How risky a repair is, and who must say yes."""

from __future__ import annotations

import enum

import msgspec


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


def raised(base: tuple[RiskLevel, str], more: list[tuple[RiskLevel, str]]) -> Risk:
    """The highest of a base risk and what raises it, with all reasons."""
    every = [base, *more]
    return Risk(level=max((level for level, _ in every), key=lambda each: each.rank), reasons=[why for _, why in every])
