"""One kind of fault: all that the platform must know of it to open, diagnose and end an incident.

The rules look at reasons, not at Warning against Normal: `NodeNotReady` is a Normal event. A report that is no fault's sign is kept in the log and shown, and
opens nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import ClassVar, Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.subject import Subject
from aetherius.domain.strategy import Strategy

POD_OVER: Final = frozenset({"PodReplaced", "PodRemoved", "PodCompleted"})
"""What is told of a pod that failed and exists no more, or has done its work."""
REOPEN_WITHIN: Final = timedelta(minutes=10)
"""The same trouble within this time after its end is the same incident, reopened; later it is a new one."""


class Fault(ABC):
    """The entry of a kind of fault."""

    symptom: ClassVar[str]
    """Names it in the log: never rename."""
    strategy: ClassVar[Strategy]
    """What looks into it."""
    causes: ClassVar[Mapping[str, frozenset[str]]]
    """The causes it can tell: short codes, as workflows' conditions compare them, and the reasoners' own words for each."""
    recoveries: ClassVar[frozenset[str]]
    """Reasons of reports that say that it is over, for the object they are about."""
    precedence: ClassVar[int] = 0
    """Where a report is a sign of several faults, the one of the highest precedence takes it: the most specific message."""
    telling: ClassVar[frozenset[str]] = frozenset()
    """Reasons of signs that tell so much more that a diagnosis without them, of which nothing came, is made once more when they come."""
    told_to_end: ClassVar[bool] = False
    """The cluster tells its end, and nothing else ends it: silence means nothing, a repair mitigates, and a recovery counts in the middle of one."""

    @abstractmethod
    def is_sign(self, report: Reported) -> bool:
        """Whether a report shows it."""

    @abstractmethod
    def judge(self, file: EvidenceFile) -> Verdict:
        """The rule: what the evidence says is the cause; `unknown` where it does not say."""

    def subject_of(self, report: Reported) -> Subject:
        """What a sign's incident is about: the pod's owner, or what the report is of."""
        labels = report.labels
        return Subject(
            cluster_id=report.cluster_id,
            namespace=report.namespace,
            kind=labels.owner_kind or labels.kind,
            name=labels.owner_name or labels.name,
            symptom=self.symptom,
        )

    def failing_of(self, report: Reported) -> str:
        """Name of the one object, of those that the subject may have many of, whose recovery is awaited."""
        return report.labels.name

    def ends_all(self, report: Reported) -> bool:
        """Whether a recovery speaks for all that fails, not only for the object it is about."""
        return False

    def reopens_within(self, report: Reported, seen: Collection[str], how: str) -> timedelta:
        """How long after the end of an incident, which saw reports of these reasons and ended so, a sign still belongs to it."""
        return REOPEN_WITHIN
