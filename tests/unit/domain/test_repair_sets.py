"""Sets of repairs' entries: made from a folder, and with more."""

from __future__ import annotations

import pytest

from aetherius.domain.entries import entries_of
from aetherius.domain.repair import drain_node, notify, rollback_deployment, update_resource_limits
from aetherius.domain.repair.action import Action, Order, Phase, Repair
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel


class Reboot(Repair[notify.Notify]):
    name = "Reboot"
    parameters = notify.Notify
    choice = "reboot"
    base_risk = (RiskLevel.HIGH, "everything on it ends")

    def phase(self, parameters: notify.Notify) -> Phase:
        return Phase.EXECUTE

    def object_of(self, parameters: notify.Notify) -> str:
        return "n1"

    def verification(self, parameters: notify.Notify, output: str, patience: Patience) -> Order:
        return Order(action="VerifyEvacuation", parameters={})


def test_a_set_with_more_entries_leaves_the_first_as_it_was() -> None:
    more = shipped_actions().with_entries(Reboot())
    assert more.repair("Reboot") is not None
    assert more.choices["reboot"].name == "Reboot"
    assert shipped_actions().repair("Reboot") is None
    assert set(more.names) == {*shipped_actions().names, "Reboot"}


def test_an_entry_of_another_kind_is_a_mistake_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import aetherius.domain.repair as folder

    monkeypatch.setattr(drain_node, "ENTRY", "no action")
    with pytest.raises(TypeError, match="drain_node is no Action"):
        list(entries_of(folder, Action))  # type: ignore[type-abstract]


def test_entries_come_in_the_order_of_their_files() -> None:
    import aetherius.domain.repair as folder

    found = [each.name for each in entries_of(folder, Action)]  # type: ignore[type-abstract]
    assert found == Actions(entries_of(folder, Action)).names  # type: ignore[type-abstract]
    assert found[0] == drain_node.ENTRY.name
    assert found.index(rollback_deployment.ENTRY.name) < found.index(update_resource_limits.ENTRY.name)
