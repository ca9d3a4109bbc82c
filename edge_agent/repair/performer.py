"""How the agent does one typed action: every phase that an order may ask for is a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import msgspec

from aetherius.domain.repair.action import APPROVED, Action, Phase
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import PatchType
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch
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
        if phase is Phase.EXECUTE:
            approved = bool(getattr(job.parameters, APPROVED, False))
            refuse_protected(job.cluster, job.namespace, self.target(job), approved=approved)
        return self._phases[phase](job)

    @property
    def _phases(self) -> dict[Phase, Callable[[Job[P]], msgspec.Struct]]:
        return {
            Phase.SIMULATE: self.simulate,
            Phase.EXECUTE: self.execute,
            Phase.RESTORE: self.roll_back,
            Phase.VERIFY: self.verify,
            Phase.READ: self.read,
        }

    def _refuse(self, how: str) -> NoReturn:
        raise RepairRefusedError(f"{self.action.name} cannot be {how} by this agent")
