"""The evidence that an analysis has before it, read from the request once for all rules.

Outputs are untrusted text from a cluster: whatever does not parse is no evidence, and what is missing makes the answer `unknown`, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from aetherius.domain.diagnosis.termination import Termination, terminations_in
from aetherius.domain.repair.action import decoded
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistoryAnswer
from aetherius.domain.wire.analysis import AnalysisContext
from aetherius.domain.wire.event import Labels, RawData

_T = TypeVar("_T")


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One reported event, as far as rules look at it."""

    reason: str
    message: str
    source: str = ""
    namespace: str = ""
    labels: Labels
    raw_data: RawData = RawData()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the incident is about: its object, and how the trouble shows."""

    namespace: str
    kind: str
    name: str
    symptom: str
    pod: str = ""
    reopened: int = 0
    """How often the trouble came back after its end."""


class EvidenceFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known."""

    about: About
    signs: list[Sign]
    outputs: dict[str, str]
    """Output by step id."""

    def answer(self, kind: type[_T]) -> _T | None:
        """The first output that is the answer of a typed action, by its shape; None where there is none that can be read."""
        answers = (decoded(text, kind) for text in self.outputs.values())
        return next((answer for answer in answers if answer is not None), None)

    @property
    def history(self) -> WorkloadHistoryAnswer | None:
        """The workload's revisions, if somebody looked."""
        return self.answer(WorkloadHistoryAnswer)

    def signs_of(self, *reasons: str) -> list[Sign]:
        """The events with one of these reasons, in order of arrival."""
        return [sign for sign in self.signs if sign.reason in reasons]

    def terminations(self) -> Iterator[Termination]:
        """How containers ended, as described by kubectl; of each container the latest end is the last one given."""
        for step, text in self.outputs.items():
            yield from terminations_in(step, text)

    def current_revision(self) -> RevisionSummary | None:
        """The revision that the workload is at."""
        history = self.history
        return _revision(history, history.revision) if history else None

    def earlier_available(self) -> list[RevisionSummary]:
        """Revisions before the present one that were available once, the latest first."""
        history = self.history
        if history is None:
            return []
        earlier = [r for r in history.revisions if r.revision < history.revision and r.was_available]
        return sorted(earlier, key=lambda each: -each.revision)


def read(context: AnalysisContext) -> EvidenceFile:
    """The evidence in a request.

    Raises:
        msgspec.ValidationError: the request's `event` does not say what the incident is about.
    """
    return EvidenceFile(
        about=msgspec.convert(context.event, About, strict=False),
        signs=[sign for event in context.events if (sign := _sign(event)) is not None],
        outputs=context.logs,
    )


def _sign(event: dict[str, object]) -> Sign | None:
    try:
        return msgspec.convert(event, Sign, strict=False)
    except msgspec.ValidationError:
        return None


def _revision(history: WorkloadHistoryAnswer, number: int) -> RevisionSummary | None:
    return next((each for each in history.revisions if each.revision == number), None)
