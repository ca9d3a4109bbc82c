"""Since when a reference leads nowhere: the latest revision brought it in, or it was met before and its object was deleted; and whether going back helps."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.rollout import owned_elsewhere, roll_back
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.wire.analysis import Evidence, Recommendation

_WHO: Final = "who deleted it, and when, is in the API server's audit log: the agent does not watch such objects"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """`brought` by the latest revision, `deleted` since an earlier one worked with it, or not known."""

    how: Literal["brought", "deleted", "unknown"]
    evidence: list[Evidence]
    recommendations: list[Recommendation] = []


def origin_of(file: EvidenceFile, words: str, key: str) -> Origin:
    """Where a reference comes from: an object as a history names it, and the key of it that is missing, or empty for all of it."""
    current, before = file.current_revision(), next(iter(file.earlier_available()), None)
    if current is None:
        return Origin(how="unknown", evidence=[_finding("what earlier revisions needed is not known")])
    what = f"key {key} of {words}" if key else words
    needs = f"revision {current.revision} needs {what}" + ("" if key else ", which does not exist as far as is known")
    told = [_finding(needs, 0.6)]
    if not _names(current, words, key):
        foreign = (
            f"the template of revision {current.revision} does not name {what}: something else put it into the pod"
        )
        return Origin(how="unknown", evidence=[_finding(foreign)])
    if current.available or current.was_available:
        gone = f"revision {current.revision} was available with it: it was {_taken(key)} since, and a rollback would only hide that"
        return Origin(how="deleted", evidence=[*told, _finding(gone, 0.5), *_who(key)])
    if before is None:
        return Origin(how="unknown", evidence=[*told, _finding("no earlier revision is known to have been available")])
    if _needed(before, words, key):
        with_it = f"revision {before.revision} was available with such a reference: the rollout did not bring it in"
        gone = f"it was {_taken(key)} since, and a rollback does not help"
        return Origin(how="deleted", evidence=[*told, _finding(f"{with_it}; {gone}", 0.5), *_who(key)])
    if key and not current.config_keys:
        unsure = f"whether revision {before.revision} needed the key too is not known: no rollback is proposed"
        return Origin(how="unknown", evidence=[*told, _finding(unsure)])
    return _brought(file, before, told)


def _brought(file: EvidenceFile, before: RevisionSummary, told: list[Evidence]) -> Origin:
    """The latest revision brought it in: back, if the earlier one would start now."""
    told = [*told, _finding(f"revision {before.revision} did without it and was available", 0.5)]
    why = _why_not(before)
    if why:
        return Origin(how="brought", evidence=[*told, _finding(f"{why}: no rollback is proposed")])
    return Origin(how="brought", evidence=[*told, *owned_elsewhere(file)], recommendations=roll_back(file, before))


def _why_not(before: RevisionSummary) -> str:
    """Why it is not known that a revision would start now; empty where it is."""
    if before.missing_config:
        return f"revision {before.revision} needs {', '.join(before.missing_config)}, which does not exist either"
    if before.unseen_config and not before.available:
        return (
            f"whether {', '.join(before.unseen_config)}, which revision {before.revision} needs, exists cannot be seen"
        )
    return ""


def _names(current: RevisionSummary, words: str, key: str) -> bool:
    """Whether a template names it; an older agent does not tell of keys."""
    named = not key or not current.config_keys or f"{words}:{key}" in current.config_keys
    return named and words in current.config_maps


def _needed(before: RevisionSummary, words: str, key: str) -> bool:
    return f"{words}:{key}" in before.config_keys if key else words in before.config_maps


def _taken(key: str) -> str:
    return "taken out" if key else "deleted"


def _who(key: str) -> list[Evidence]:
    return [] if key else [_finding(_WHO)]


def _finding(text: str, weight: float = 0.3) -> Evidence:
    return Evidence(source="rollout", finding=text, weight=weight)
