"""The evidence that an analysis has before it, read from the request once for all rules.

Outputs are untrusted text from a cluster: whatever does not parse is no evidence, and what is missing makes the answer `unknown`, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from aetherius.domain.repair.action import decoded
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistoryAnswer
from aetherius.domain.wire.analysis import AnalysisContext
from aetherius.domain.wire.event import Labels, RawData

_T = TypeVar("_T")
_LAST_STATE: Final = re.compile(
    r"(?:Last State|State):\s+Terminated\s+Reason:\s+(\S+)(?:\s+Message:[^\n]*)?\s+Exit Code:\s+(\d{1,10})\b"
)
_LIMIT: Final = re.compile(r"Limits:\s*\n(?:\s+\S+:\s+\S+\n)*?\s+memory:\s+(\S+)")


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One reported event, as far as rules look at it."""

    reason: str
    message: str
    source: str = ""
    labels: Labels
    raw_data: RawData = RawData()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the incident is about: its object, and how the trouble shows."""

    namespace: str
    kind: str
    name: str
    symptom: str
    pod: str = ""


class Termination(msgspec.Struct, frozen=True, kw_only=True):
    """How a container ended, by `kubectl describe`."""

    step: str
    reason: str
    exit_code: int


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
        """How containers ended, as described by kubectl."""
        for step, text in self.outputs.items():
            for match in _LAST_STATE.finditer(text):
                yield Termination(step=step, reason=match[1], exit_code=int(match[2]))

    def described_limit(self) -> str:
        """The first memory limit in a description, empty for none."""
        matches = (_LIMIT.search(text) for text in self.outputs.values())
        return next((match[1] for match in matches if match), "")

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
