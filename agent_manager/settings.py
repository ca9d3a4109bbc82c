"""Settings of one agent manager."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aetherius.event_store.audit.settings import AnchorSettings
from aetherius.event_store.sealing import SealingSettings
from aetherius.runtime.settings.shared import BusSettings, DatabaseSettings, HealthSettings, StopSettings
from aetherius.runtime.settings.units import Count, Days, Events, Messages, Seconds


@dataclass(frozen=True, repr=False)
class AgentManagerSettings(
    BusSettings, DatabaseSettings, HealthSettings, StopSettings, SealingSettings, AnchorSettings
):
    """What one replica is told at its start."""

    SERVICE = "agent_manager"

    signing_key_file: Path
    """PEM file of the key that commands are signed with, mode 600; the same for all replicas."""

    fetch_messages: Messages = 500
    """Event messages asked for at once: 32k messages a second, and never more than half a gigabyte if every one had the largest size."""
    commit_events: Events = 2000
    """Events in one transaction, about: more gains nothing, fewer cost an fsync each."""
    ack_wait: Seconds = 30.0
    """Time until a message that a replica took and did not answer goes to another one."""
    retry_delay: Seconds = 2.0
    """Time until a message comes again that could not be stored because PostgreSQL was away."""
    accept_age: Seconds = 14 * 86400.0
    """Events older than this go to the dead letters. Farther back than the week that the stream keeps, and a week of an agent's spool."""
    accept_ahead: Seconds = 300.0
    """Events from farther in the future than this go to the dead letters: clocks differ by less."""
    partition_days: Days = 7
    """Width of the log's new partitions: tens of live ones are good, hundreds are slow."""

    heartbeat_interval: Seconds = 30.0
    """Time between heartbeats, told to agents when they register."""
    missed_heartbeats: Count = 3
    """An agent is offline after so many intervals without one: one lost message, or two, mean nothing."""
    batch_size: Events = 100
    """Events in one message at most, told to agents (100 is the wire's limit)."""
    batch_wait: Seconds = 0.2
    """How long an agent lets a message fill."""
    command_ack_wait: Seconds = 30.0
    """Time until a command that an agent took and neither acknowledged nor extended is given again."""
    cancel_within: Seconds = 600.0
    """How long a cancellation is of use: the longest a command may run."""
    result_grace: Seconds = 15.0
    """How long after its expiry and its timeout a command's result may still arrive before it counts as lost."""
    gap_grace: Seconds = 120.0
    """How long missing event numbers may still arrive before they are reported: longer than a redelivery takes."""

    anchor_interval: Seconds = 60.0
    """Time between two heads that are noted: what was recorded since the last one could be rewritten unseen."""

    archive: str = ""
    """Where observations go that are old enough, as `file:///folder` or `s3://bucket/folder`; empty: they stay in the database."""
    retain_days: Days = 365
    """Days that observations stay in the database before they are archived; not fewer than `accept_age`."""
    archive_interval: Seconds = 3600.0
    """Time between two rounds of the archiver."""

    leader_interval: Seconds = 1.0
    """Time between attempts to become the leader, and between checks of still being it."""

    def __repr__(self) -> str:
        return f"AgentManagerSettings(signing_key_file={self.signing_key_file}, health_port={self.health_port})"

    @property
    def offline_after(self) -> float:
        """Seconds without a heartbeat after which an agent is offline."""
        return self.heartbeat_interval * self.missed_heartbeats
