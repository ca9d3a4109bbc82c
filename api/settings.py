"""Settings of the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from aetherius.event_store.audit.settings import AnchorSettings
from aetherius.event_store.sealing import SealingSettings
from aetherius.projections.search.settings import SearchSettings
from aetherius.runtime.settings.shared import HealthSettings, StopSettings
from aetherius.runtime.settings.units import Bytes, Count, Port, Seconds


@dataclass(frozen=True, repr=False)
class ApiSettings(SealingSettings, SearchSettings, AnchorSettings, HealthSettings, StopSettings):
    """What one replica is told at its start."""

    SERVICE = "api"
    RENAMED = {"graphql_health_port": "health_port"}

    tokens_file: Path
    """JSON: SHA-256 of each token in hex, to `{"name": ..., "role": "reader" | "operator", "secrets": false}`; without the last command output is shown."""
    graphql_host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a pod."""
    graphql_port: Port = 8080
    """Port to listen on; 0: any free one."""
    graphql_documents_folder: Path | None = None
    """Folder of trusted documents (`*.graphql`): clients may name them by the SHA-256 of their text."""
    graphql_only_trusted: bool = False
    """Take trusted documents only."""
    graphql_max_depth: Count = 15
    """How deep a query may nest."""
    graphql_max_cost: Count = 50_000
    """Fields that a query may ask for, each times the rows around it."""
    graphql_max_body: Bytes = 256 * 1024
    """Bytes of a request."""
    graphql_max_subscriptions: Count = 1000
    """Subscriptions at a time, over all clients: each may hold a few hundred kilobytes."""
    heartbeat: Seconds = 15.0
    """Seconds between heartbeats of subscriptions: below the patience of proxies, which is often a minute."""
    cors_origins: str = ""
    """Origins of pages in browsers that may ask besides our own, as `https://console.example https://other.example:8443`; `*`: any. Empty: none."""
    read_model_patience: Seconds = 5.0
    """How long a question as of a position waits for a read model that lags behind."""
    anchor_key_id: str = ""
    """Id (or more of the SHA-256) of the key that must have signed them; empty: any key will do."""
    drain_timeout: Seconds = field(default=5.0, kw_only=True)
    """How long stopping waits for requests under way. Below the supervisor's ten seconds."""
