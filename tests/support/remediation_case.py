"""The remediation process on a log in memory, with commands of each phase of a repair."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from aetherius.domain import command
from aetherius.domain.identity import stable_id
from aetherius.domain.repair.patience import Patience
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.readers.testing import ProcessCase
from sealed_state import KEYS, SEALING
from story_events import RAISE, REMEDIATION, ordered


def phase(name: str) -> UUID:
    """The command of a phase."""
    return stable_id("Command", REMEDIATION, name)


def succeeded(answer: Any) -> command.Succeeded:
    """The agent ran it."""
    text = answer if isinstance(answer, str) else msgspec.json.encode(answer).decode()
    return command.Succeeded(exit_code=0, output=text)


class RemediationCase(ProcessCase):
    """Patient for half a minute with a repair, a minute with a rollout, and five seconds after it."""

    def __init__(self) -> None:
        patience = Patience(soak=5, rollout=60, repair=30)
        super().__init__(lambda log, clock: RemediationProcess(clock, patience, KEYS), sealing=SEALING)

    def given_ordered(self, name: str, action: str = "UpdateResourceLimits", **changes: Any) -> None:
        """The command of a phase is under way."""
        parameters = changes.pop("parameters", RAISE)
        order = ordered(
            tool="repair", action=action, remediation_id=REMEDIATION, step_id=name, parameters=parameters, **changes
        )
        self.given(phase(name), order)
