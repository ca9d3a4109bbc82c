"""All faults that this process knows: which one a report shows, what a report says is over, and what a cause is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from aetherius.domain import fault as folder
from aetherius.domain.cluster_event import Reported
from aetherius.domain.entries import entries_of
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.subject import Subject
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import RootCause
from aetherius.domain.wire.event import ASIDE
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.definition import WorkflowDefinition

_REMOVALS: Final = frozenset({"PodRemoved", "NodeRemoved"})


class Faults:
    """A set of entries; immutable."""

    def __init__(self, entries: Iterable[Fault]) -> None:
        self._entries = sorted(entries, key=lambda each: (-each.precedence, each.symptom))
        self._by_symptom = {each.symptom: each for each in self._entries}
        self._codes = {word: code for each in self._entries for code, words in each.causes.items() for word in words}

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._entries)

    @property
    def codes(self) -> list[str]:
        """The short codes of all causes, and of none."""
        return [*sorted(set(self._codes.values())), UNKNOWN]

    def of(self, symptom: str) -> Fault | None:
        """The fault that shows so; None for one that this version does not know."""
        return self._by_symptom.get(symptom)

    def shown_by(self, report: Reported) -> Fault | None:
        """The fault that a report is a sign of; None for no sign."""
        if report.type.startswith(ASIDE):
            return None
        return next((each for each in self._entries if each.is_sign(report)), None)

    def recoveries_of(self, report: Reported) -> list[Subject]:
        """The subjects that this report says are well again, or gone."""
        return [each.subject_of(report) for each in self.ended_by(report)]

    def ended_by(self, report: Reported) -> list[Fault]:
        """The faults that this report says are over, in the order of their symptoms."""
        over = (each for each in self._entries if report.reason in each.recoveries)
        return sorted(over, key=lambda each: each.symptom)

    def told_to_end(self, symptom: str | None) -> bool:
        """Whether only the cluster's word ends it (`Fault.told_to_end`)."""
        known = self._by_symptom.get(symptom or "")
        return known is not None and known.told_to_end

    def strategy_of(self, symptom: str) -> Strategy | None:
        """What looks into it; None for a symptom that this version does not know."""
        known = self._by_symptom.get(symptom)
        return known.strategy if known else None

    def suggested_workflow(self, report: Reported, definitions: Mapping[str, WorkflowDefinition]) -> str:
        """The workflow that an incident of this report alone would start, of the definitions in force by name; empty for none."""
        shown = self.shown_by(report)
        definition = definitions.get(shown.strategy.workflow) if shown else None
        return definition.name if definition and definition.starts_with(report.reason) else ""

    def code_of(self, cause: RootCause, min_confidence: float) -> str:
        """The short code; `unknown` for a word that no fault declares, or a confidence below the minimum (0 to 1)."""
        if cause.confidence < min_confidence:
            return UNKNOWN
        return self._codes.get(cause.type, UNKNOWN)

    def with_entries(self, *entries: Fault) -> Faults:
        """These and more."""
        return Faults((*self._entries, *entries))


def end_told_by(report: Reported) -> str:
    """How trouble ends by a recovery: `recovered`, or `gone` where what it was about does not exist any more."""
    return "gone" if report.reason in _REMOVALS else "recovered"


@cache
def shipped_faults() -> Faults:
    """The entries of this folder."""
    return Faults(entries_of(folder, Fault))  # type: ignore[type-abstract]
