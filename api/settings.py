"""Settings of the API. Each may be given in the environment as `AETHERIUS_` + its name in capitals; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aetherius.event_store.sealing import SealingSettings
from aetherius.projections.search.settings import SearchSettings
from aetherius.runtime.environment import settings_from


@dataclass(frozen=True, repr=False)
class ApiSettings(SealingSettings, SearchSettings):
    """What one replica is told at its start. Not in `repr`: the address holds a password."""

    postgres_dsn: str
    """The database of the log and of the read models, as libpq reads it."""
    tokens_file: Path
    """JSON: SHA-256 of each token in hex, to `{"name": ..., "role": "reader" | "operator", "secrets": false}`; without the last command output is shown."""
    graphql_host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a pod."""
    graphql_port: int = 8080
    """Port to listen on; 0: any free one."""
    postgres_connections: int = 8
    """Connections at most, to the log and to the read models each."""
    graphql_documents_folder: Path | None = None
    """Folder of trusted documents (`*.graphql`): clients may name them by the SHA-256 of their text."""
    graphql_only_trusted: bool = False
    """Take trusted documents only."""
    graphql_max_depth: int = 15
    """How deep a query may nest."""
    graphql_max_cost: int = 50_000
    """Fields that a query may ask for, each times the rows around it."""
    graphql_max_body: int = 256 * 1024
    """Bytes of a request."""
    graphql_max_subscriptions: int = 1000
    """Subscriptions at a time, over all clients: each may hold a few hundred kilobytes."""
    heartbeat: float = 15.0
    """Seconds between heartbeats of subscriptions: below the patience of proxies, which is often a minute."""
    cors_origins: str = ""
    """Origins of pages in browsers that may ask besides our own, as `https://console.example https://other.example:8443`; `*`: any. Empty: none."""
    read_model_patience: float = 5.0
    """How long a question as of a position waits for a read model that lags behind."""
    anchor_file: Path | None = None
    """File of the log's signed heads that an audit over the API compares the ledger with."""
    anchor_bucket: str = ""
    """URL of a bucket of heads for the same, as `s3://bucket/folder`; with a file too, both are compared."""
    anchor_key_id: str = ""
    """Id (or more of the SHA-256) of the key that must have signed them; empty: any key will do."""
    graphql_health_port: int = 0
    """Port of `/metrics`, `/healthz` and `/readyz` on `health_host`, without a token; 0: no such server. (The last two are on `graphql_port` too.)"""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""
    drain_timeout: float = 5.0
    """How long stopping waits for requests under way. Below the supervisor's ten seconds."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: one is missing or malformed (the error names it, never its value).
        """
        return settings_from(cls, environment)
