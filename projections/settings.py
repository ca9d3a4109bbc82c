"""Settings of the projections' process. Each may be given in the environment as `AETHERIUS_` + its name in capitals; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aetherius.runtime.environment import settings_from


@dataclass(frozen=True, repr=False)
class ProjectionsSettings:
    """What one replica is told at its start. Not in `repr`: the address holds a password."""

    postgres_dsn: str
    """The database of the log and of the read models, as libpq reads it."""
    state_keys_file: Path | None = None
    """File of the keys that seal command output and other secrets in the log, mode 600, the same for all; `aetherius keys` makes it."""
    state_keys: str = ""
    """The same keys as text, `id:base64,id:base64`, if they come by the environment; they go before the file's."""
    encrypt: str = "secrets"
    """What is sealed in the log: `secrets`, or `all`, everything that events say."""
    postgres_connections: int = 8
    """Connections at most: one for each read model at work, and one to spare."""
    projections_batch: int = 2000
    """Events in one transaction at most: more gains little, fewer cost an fsync each."""

    search_batch: int = 2000
    """Events whose documents go to the search index at a time, at most: they are what is held in memory while it is away."""
    elasticsearch_url: str = ""
    """Where Elasticsearch is (`https://...`); empty: PostgreSQL's full text serves searches."""
    elasticsearch_user: str = ""
    """For basic authentication."""
    elasticsearch_password: str = ""
    """Of that user."""
    elasticsearch_api_key: str = ""
    """Instead of a user."""
    elasticsearch_secret_file: Path | None = None
    """File that holds the password, or the API key if no user is named."""
    elasticsearch_ca_file: Path | None = None
    """Certificates of who signs the server's; none: those of the system."""
    elasticsearch_prefix: str = "aetherius"
    """Of the names of all indices and templates: another one for each installation that shares a cluster."""

    projections_health_port: int = 0
    """Port of `/healthz`, `/readyz` and `/metrics` on `health_host`; 0: no such server."""
    search_health_port: int = 0
    """The same for the search process."""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: one is missing or malformed (the error names it, never its value).
        """
        return settings_from(cls, environment)
