"""Tell the owner, with the evidence: what is done where nobody can say that a change would help. Nothing is sent to a cluster."""

from __future__ import annotations

import msgspec

from aetherius.domain.repair.action import Order, Phase, Repair
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters: the reason is the remediation's own."""


class NotifyRepair(Repair[Notify]):
    """The entry."""

    name = "Notify"
    parameters = Notify
    choice = "notify_owner"
    base_risk = (RiskLevel.NONE, "changes nothing")
    on_cluster = False

    def phase(self, parameters: Notify) -> Phase:
        """It only tells."""
        return Phase.READ

    def object_of(self, parameters: Notify) -> str:
        """None."""
        return ""

    def fits(self, parameters: Notify, name: str) -> bool:
        """Everybody may be told."""
        return True

    def verification(self, parameters: Notify, output: str, patience: Patience) -> Order:
        """There is nothing to verify; never asked."""
        raise NotImplementedError("a notification is not verified")


ENTRY = NotifyRepair()
