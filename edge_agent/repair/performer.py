"""How the agent does one typed action: every phase that an order may ask for is a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import msgspec

from aetherius.domain.repair.action import APPROVED, SEEN, Action, Phase
from aetherius.domain.repair.answers import OutdatedAnswer
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import PatchType
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch
from aetherius.edge_agent.repair.facts import bounded, changed
from aetherius.edge_agent.repair.protection import refuse_protected

P = TypeVar("P", bound=msgspec.Struct)


class Job(msgspec.Struct, Generic[P], frozen=True):
    """One order at work: typed parameters, the namespace that it was issued for, the cluster, and the time that is left."""

    parameters: P
    namespace: str
    cluster: Cluster
    watch: Stopwatch

    def change(self, seen: Document, path: str, body: Document, patch_type: PatchType) -> Document:
        """Change an object as it was seen (see ``Cluster.change``), unless the order was called back meanwhile."""
        self.go_on()
        return self.cluster.change(seen, path, body, patch_type)

    def go_on(self) -> None:
        """Raise ``RepairRefusedError`` for an order that was called back: for the last moment before a change."""
        if self.watch.cancelled:
            raise RepairRefusedError("it was called back; nothing was changed")


class Performer(Generic[P]):
    """The agent's entry of an action. Blocking; safe to repeat: what is done already is not done again.

    Every method raises ``RepairRefusedError`` where nothing may be changed, for the reason it gives, and lets pass what the API server refuses
    (``ClusterRefusedError``; a dry run comes first, so that nothing was changed then) or leaves open (``ClusterUnreachableError``).
    """

    action: ClassVar[Action[Any]]

    def target(self, job: Job[P]) -> Document | None:
        """The object that `execute` changes: looked at first, for marks that protect it. None for an action that changes none."""
        return None

    def facts(self, job: Job[P]) -> list[str]:
        """What a plan of it stands on: with other facts a person must be asked again. Nothing of what an approval's words allow."""
        return []

    def neighbours(self, job: Job[P]) -> list[str]:
        """Workloads beside the object that are well now, as `neighbours.well` gives them: what a repair must not make worse."""
        return []

    def is_begun(self, job: Job[P]) -> bool:
        """Whether the object shows that this was done already, wholly or half: then an order that comes again goes on, whatever the facts are by now."""
        return False

    def validate(self, job: Job[P]) -> None:
        """Refuse what must not be done, before anything is looked at or changed. Comes before every phase but a roll-back."""

    def simulate(self, job: Job[P]) -> msgspec.Struct:
        """What would be done. Changes nothing."""
        self._refuse("simulated")

    def execute(self, job: Job[P]) -> msgspec.Struct:
        """Do it; the answer says what would undo it."""
        self._refuse("executed")

    def roll_back(self, job: Job[P]) -> msgspec.Struct:
        """Take back what `execute` did, and nothing that somebody else did."""
        self._refuse("rolled back")

    def verify(self, job: Job[P]) -> msgspec.Struct:
        """Watch whether a repair helped."""
        self._refuse("verified")

    def read(self, job: Job[P]) -> msgspec.Struct:
        """Look, as evidence."""
        self._refuse("read")

    def perform(self, job: Job[P]) -> msgspec.Struct:
        """The phase that the parameters ask for."""
        phase = self.action.phase(job.parameters)
        job.go_on()
        if phase is not Phase.RESTORE:
            self.validate(job)
        if phase is Phase.SIMULATE:
            return self._foreseen(job)
        if phase is Phase.EXECUTE:
            return self._executed(job)
        return self._phases[phase](job)

    def _foreseen(self, job: Job[P]) -> msgspec.Struct:
        seen = bounded(self.facts(job))  # first: what changes meanwhile is then found out
        answer = self.simulate(job)
        return msgspec.structs.replace(answer, seen=seen) if SEEN in answer.__struct_fields__ else answer

    def _executed(self, job: Job[P]) -> msgspec.Struct:
        approved = bool(getattr(job.parameters, APPROVED, False))
        refuse_protected(job.cluster, job.namespace, self.target(job), approved=approved)
        seen = getattr(job.parameters, SEEN, [])
        if seen and (how := changed(seen, bounded(self.facts(job)))) and not self.is_begun(job):
            return OutdatedAnswer(outdated=how)
        before = self.neighbours(job)
        answer = self.execute(job)
        return msgspec.structs.replace(answer, neighbours=before) if before else answer

    @property
    def _phases(self) -> dict[Phase, Callable[[Job[P]], msgspec.Struct]]:
        return {
            Phase.RESTORE: self.roll_back,
            Phase.VERIFY: self.verify,
            Phase.READ: self.read,
        }

    def _refuse(self, how: str) -> NoReturn:
        raise RepairRefusedError(f"{self.action.name} cannot be {how} by this agent")
