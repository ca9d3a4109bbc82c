"""A local installation: its services work on their own servers, whatever the shell says of others."""

from __future__ import annotations

from aetherius.cli.platform import service_environment


def test_services_use_their_own_servers_and_the_shells_settings() -> None:
    shell = {
        "AETHERIUS_POSTGRES_DSN": "postgresql://production.example/log",
        "AETHERIUS_ROLLOUT_TIMEOUT": "120",
        "AETHERIUS_SOAK_TIME": "60",
        "AETHERIUS_HEALTH_PORT": "9100",  # all of them would listen there
        "PATH": "/usr/bin",
        "SECRET_OF_SOMEBODY_ELSE": "x",
    }
    own = {"AETHERIUS_POSTGRES_DSN": "postgresql://127.0.0.1/postgres"}
    assert service_environment(shell, own, {"AETHERIUS_SOAK_TIME": "1"}) == {
        "AETHERIUS_POSTGRES_DSN": "postgresql://127.0.0.1/postgres",
        "AETHERIUS_ROLLOUT_TIMEOUT": "120",
        "AETHERIUS_SOAK_TIME": "1",
        "PATH": "/usr/bin",
    }
