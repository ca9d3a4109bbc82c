"""The settings that services share, each declared once. A service's settings are made of those that it needs."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from aetherius.runtime.settings.settings import Settings
from aetherius.runtime.settings.units import Connections, Port, Seconds


@dataclass(frozen=True, repr=False)
class DatabaseSettings(Settings):
    """Where PostgreSQL is."""

    postgres_dsn: str
    """The database of the log and of everything that is kept beside it, as libpq reads it."""
    _: KW_ONLY
    postgres_connections: Connections = 8
    """At most, by this process, to the log and to the read models each: as many blocking calls run at once, and one read model needs one."""


@dataclass(frozen=True, repr=False)
class BusSettings(Settings):
    """Where NATS is."""

    nats_url: str
    """`nats://user:password@host:port`, a user who may do everything."""


@dataclass(frozen=True, kw_only=True, repr=False)
class HealthSettings(Settings):
    """Where a process tells how it is."""

    health_port: Port = 0
    """Of `/healthz`, `/readyz` and `/metrics` on `health_host`, without a token; 0: no such server."""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""


@dataclass(frozen=True, kw_only=True, repr=False)
class StopSettings(Settings):
    """How a process stops."""

    drain_timeout: Seconds = 8.0
    """How long stopping may take to finish what was taken. Below the supervisor's ten seconds."""
