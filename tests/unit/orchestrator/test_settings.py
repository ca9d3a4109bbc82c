"""Settings of the orchestrator: what could not work is refused at the start."""

from __future__ import annotations

import pytest

from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.runtime.errors import SettingError

NEEDED = {"AETHERIUS_POSTGRES_DSN": "x", "AETHERIUS_NATS_URL": "y"}


def test_the_defaults_hold() -> None:
    assert OrchestratorSettings.from_environment(NEEDED).patience.verification == 370


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOAK_TIME", "900"),
        ("SOAK_TIME", "300"),
        ("ROLLOUT_TIMEOUT", "0"),
        ("MIN_CONFIDENCE", "60"),
        ("REPAIR_TIMEOUT", "-1"),
        ("APPROVAL_TIMEOUT", "0"),
        ("APPROVAL_TIMEOUT", "1e9"),
    ],
)
def test_a_time_that_no_command_may_take_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        OrchestratorSettings.from_environment({**NEEDED, f"AETHERIUS_{name}": value})
