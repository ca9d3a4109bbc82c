"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.runtime.errors import SettingError

GIVEN = {
    "AETHERIUS_POSTGRES_DSN": "host=db password=hidden",
    "AETHERIUS_NATS_URL": "nats://server:hidden@bus:4222",
    "AETHERIUS_SIGNING_KEY_FILE": "/keys/command.pem",
}


def test_every_setting_has_a_name_in_the_environment() -> None:
    settings = AgentManagerSettings.from_environment(
        {**GIVEN, "AETHERIUS_ACK_WAIT": "5", "AETHERIUS_HEALTH_PORT": "80"}
    )
    assert settings.signing_key_file == Path("/keys/command.pem")
    assert (settings.ack_wait, settings.health_port, settings.offline_after) == (5.0, 80, 90.0)


@pytest.mark.parametrize("missing", GIVEN)
def test_a_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        AgentManagerSettings.from_environment({name: value for name, value in GIVEN.items() if name != missing})


def test_a_malformed_setting_is_named_without_its_value() -> None:
    with pytest.raises(SettingError, match="AETHERIUS_ACK_WAIT") as raised:
        AgentManagerSettings.from_environment({**GIVEN, "AETHERIUS_ACK_WAIT": "hidden"})
    assert "hidden" not in str(raised.value)


def test_passwords_are_not_shown() -> None:
    assert "hidden" not in repr(AgentManagerSettings.from_environment(GIVEN))
