"""What a rule concludes."""

from __future__ import annotations

import msgspec

from aetherius.domain.wire.analysis import Evidence, Recommendation
from aetherius.domain.words import UNKNOWN

RECOVERED = "Recovered"
"""The trouble is over by itself: not a cause, and nothing to repair."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A cause in the rule's own word, how sure it is (0 to 1), why, and what would help."""

    type: str
    confidence: float
    evidence: list[Evidence]
    recommendations: list[Recommendation] = []


def unknown(*evidence: Evidence) -> Verdict:
    """Nobody can say; the evidence is what was seen."""
    return Verdict(type=UNKNOWN, confidence=0.0, evidence=list(evidence))


def recovered(*evidence: Evidence) -> Verdict:
    """It is over."""
    return Verdict(type=RECOVERED, confidence=0.9, evidence=list(evidence))
