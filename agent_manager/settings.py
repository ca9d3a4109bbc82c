"""Settings of one agent manager. Each may be given in the environment as `AETHERIUS_` + its name in capitals; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aetherius.event_store.sealing import SealingSettings
from aetherius.runtime.environment import settings_from


@dataclass(frozen=True, repr=False)
class AgentManagerSettings(SealingSettings):
    """What one replica is told at its start. Not in `repr`: both addresses hold passwords."""

    postgres_dsn: str
    """The log's database, as libpq reads it."""
    nats_url: str
    """`nats://user:password@host:port`, a user who may do everything."""
    signing_key_file: Path
    """PEM file of the key that commands are signed with, mode 600; the same for all replicas."""
    health_port: int = 0
    """Port of `/healthz`, `/readyz` and `/metrics` on `health_host`; 0: no such server."""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""
    postgres_connections: int = 8
    """Connections to the log at most: as many blocking calls run at once."""

    fetch_messages: int = 500
    """Event messages asked for at once: 32k messages a second, and never more than half a gigabyte if every one had the largest size."""
    commit_events: int = 2000
    """Events in one transaction, about: more gains nothing, fewer cost an fsync each."""
    ack_wait: float = 30.0
    """Time until a message that a replica took and did not answer goes to another one."""
    retry_delay: float = 2.0
    """Time until a message comes again that could not be stored because PostgreSQL was away."""
    accept_age: float = 14 * 86400.0
    """Events older than this go to the dead letters. Farther back than the week that the stream keeps, and a week of an agent's spool."""
    accept_ahead: float = 300.0
    """Events from farther in the future than this go to the dead letters: clocks differ by less."""
    partition_days: int = 7
    """Width of the log's new partitions, in days: tens of live ones are good, hundreds are slow."""

    heartbeat_interval: float = 30.0
    """Time between heartbeats, told to agents when they register."""
    missed_heartbeats: int = 3
    """An agent is offline after so many intervals without one: one lost message, or two, mean nothing."""
    batch_size: int = 100
    """Events in one message at most, told to agents (100 is the wire's limit)."""
    batch_wait: float = 0.2
    """How long an agent lets a message fill."""
    command_ack_wait: float = 30.0
    """Time until a command that an agent took and neither acknowledged nor extended is given again."""
    cancel_within: float = 600.0
    """How long a cancellation is of use: the longest a command may run."""
    result_grace: float = 15.0
    """How long after its expiry and its timeout a command's result may still arrive before it counts as lost."""
    gap_grace: float = 120.0
    """How long missing event numbers may still arrive before they are reported: longer than a redelivery takes."""

    anchor_file: Path | None = None
    """File, outside the database and best on another machine, where the leader notes the log's signed heads; none: nowhere."""
    anchor_bucket: str = ""
    """URL of a bucket for the same, as `s3://bucket/folder`; empty: none."""
    anchor_interval: float = 60.0
    """Time between two heads that are noted: what was recorded since the last one could be rewritten unseen."""

    archive: str = ""
    """Where observations go that are old enough, as `file:///folder` or `s3://bucket/folder`; empty: they stay in the database."""
    retain_days: int = 365
    """Days that observations stay in the database before they are archived; not fewer than `accept_age`."""
    archive_interval: float = 3600.0
    """Time between two rounds of the archiver."""

    leader_interval: float = 1.0
    """Time between attempts to become the leader, and between checks of still being it."""
    drain_timeout: float = 8.0
    """How long stopping may take to finish what was taken. Below the supervisor's ten seconds."""

    def __repr__(self) -> str:
        return f"AgentManagerSettings(signing_key_file={self.signing_key_file}, health_port={self.health_port})"

    @property
    def offline_after(self) -> float:
        """Seconds without a heartbeat after which an agent is offline."""
        return self.heartbeat_interval * self.missed_heartbeats

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: one is missing or malformed (the error names it, never its value).
        """
        return settings_from(cls, environment)
