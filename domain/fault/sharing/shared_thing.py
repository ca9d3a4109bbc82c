"""One kind of shared thing: which signs point to it, how many of them are no chance, and what it means that it fails.

Members are incidents of their own. A shared cause makes one more incident, of the thing itself; the members are linked to it, and none of them is repaired.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import ClassVar, Final

import msgspec

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.subject import Subject

SYMPTOM: Final = "shared_cause"
"""Of the incident of the shared thing."""
REASON: Final = "SharedCause"
WITHIN: Final = timedelta(minutes=10)
"""First signs that lie farther apart are no common trouble: registries and zones fail for all at once, and back-offs repeat within five minutes."""


class SharedThing(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign points to."""

    kind: str
    name: str
    namespace: str = ""
    cluster_id: str = ""
    """Empty for a thing that is the same one seen from every cluster."""

    @property
    def key(self) -> str:
        """Names it; no two things have the same one."""
        return f"{self.kind}/{self.cluster_id}/{self.namespace}/{self.name}"

    def subject(self, cluster_id: str) -> Subject:
        """What its incident is about; `cluster_id` is where it was seen first."""
        return Subject(cluster_id=cluster_id, namespace=self.namespace, kind=self.kind, name=self.name, symptom=SYMPTOM)


class SharedCause(ABC):
    """The entry of a sort of thing."""

    kinds: ClassVar[tuple[str, ...]]
    """What it is called in the log: never rename."""
    enough: ClassVar[int] = 3
    """So many members with first signs within `WITHIN` are no chance."""
    causes: ClassVar[dict[str, frozenset[str]]]
    """The causes it can tell: short codes, and the reasoners' own words for each."""

    @abstractmethod
    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The thing that a sign of a fault points to; None for none of this kind."""

    @abstractmethod
    def judge(self, file: EvidenceFile) -> Verdict:
        """What its failing means, from the members' signs."""
