"""What an agent is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aetherius.runtime.settings.settings import Settings
from aetherius.runtime.settings.units import Bytes, Count, Seconds


@dataclass(frozen=True, kw_only=True, repr=False)
class AgentSettings(Settings):
    """Only the first two have no default."""

    SERVICE = "agent"
    RENAMED = {"drain_within": "drain_timeout"}

    credentials: Path
    """The file that the platform made for this cluster (mode 600): address, user, cluster id, the key that signs commands."""
    state_folder: Path
    """Spool and memory of commands; a small volume of its own. One agent at a time holds it."""
    kubeconfig: Path | None = None
    """None: the service account of the pod that we run in."""
    kubectl: Path | None = None
    """None: the one beside the interpreter, else the one on PATH. Must be absolute."""
    agent_version: str = "0.1.0"
    """What the agent says it is when it registers."""
    heartbeat_interval: Seconds | None = None
    """None: as the platform says at the registration (30)."""
    registration_pause: Seconds = 2.0
    """Between the first registration and its repeat; doubles up to 30."""
    spool_limit: Bytes = 64 * 2**20
    """About 100,000 events: a day of a busy cluster. At least a few MiB, or severe events may be dropped too."""
    queue_size: Count = 1000
    """Changes between the watches and the collector: smooths bursts, a fuller queue makes the watches wait."""
    recovery_soak: Seconds = 10.0
    """A pod that failed counts as recovered after it was Ready so long: a crash loop is Ready for moments."""
    crash_calm: Seconds = 900.0
    """A pod whose containers crashed counts as stable when none ended for so long: longer than any back-off (five minutes) and its reset (ten)."""
    aftermath_soak: Seconds = 60.0
    """A failing pod that was replaced counts as well after its workload was complete so long: as long as a repair is watched before it counts as verified."""
    proven_after: Seconds = 60.0
    """A revision counts as one that works, and may be rolled back to, after it was available so long without a break."""
    lookback: Seconds = 86400.0
    """On a first start older events are not reported: the platform's log would refuse them, and nobody needs them."""
    command_concurrency: Count = 4
    """Commands at once, by the command policy."""
    output_limit: Bytes = 256 * 1024
    """Of a command's output that travels inside its result."""
    drain_timeout: Seconds = 5.0
    """For a stop: what was taken is finished or left in the spool. Below the pod's grace period of 30."""

    def __post_init__(self) -> None:
        if self.kubectl is not None and not self.kubectl.is_absolute():
            raise ValueError(f"kubectl must be an absolute path, not {self.kubectl}")
