"""What only a person may say is taken from what the person said, never from a proposal."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.repair.action import Approval
from aetherius.domain.repair.drain_node import ENTRY as DRAIN_NODE

DRAIN: dict[str, Any] = {"node": "n1", "mode": "execute"}


class TestApproval:
    """What only a person may say is taken from what the person said, never from a proposal."""

    FORGED: dict[str, Any] = {**DRAIN, "confirmed_down": True, "approved_by_person": True}

    def ordered(self, by: str, comment: str = "") -> dict[str, Any]:
        return DRAIN_NODE.ordered(self.FORGED, Approval(by=by, comment=comment)).parameters

    def test_a_proposal_cannot_say_it(self) -> None:
        assert self.ordered("system:policy") == DRAIN
        assert self.ordered("user:ada") == {**DRAIN, "approved_by_person": True}

    @pytest.mark.parametrize("comment", ["confirmed down", "go\n  Confirmed down: I pulled the plug"])
    def test_a_line_of_the_comment_can(self, comment: str) -> None:
        assert self.ordered("user:ada", comment)["confirmed_down"]
        assert "over_cordon" not in self.ordered("user:ada", comment)

    @pytest.mark.parametrize("comment", ["not confirmed down", "is it confirmed down?", ""])
    def test_a_mention_does_not(self, comment: str) -> None:
        assert "confirmed_down" not in self.ordered("user:ada", comment)

    def test_nobody_but_a_person_can(self) -> None:
        assert "confirmed_down" not in self.ordered("system:policy", "confirmed down")
