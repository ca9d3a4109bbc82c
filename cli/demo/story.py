"""The story of one fault, told from the log: what has happened to its incident so far, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aetherius.cli.demo.faults import Fault


@dataclass(frozen=True)
class LogEntry:
    """One event of the log, as the API gives it."""

    position: int
    type: str
    stream_id: str
    at: datetime
    """When the platform decided it; for a report, when it arrived."""
    correlation_id: str
    data: dict[str, Any]


@dataclass
class Story:
    """One fault, from its injection on. Feed it every entry of the log; it keeps those of its own."""

    fault: Fault
    injected_at: datetime
    incident_id: str = ""
    remediation_id: str = ""
    root_cause: str = ""
    confidence: float = 0.0
    repairs: list[str] = field(default_factory=list)
    """Actions that were proposed."""
    asked: bool = False
    """A person is to say yes."""
    verified: str = ""
    """The action whose verification succeeded."""
    status: str = "waiting"
    position_before_repair: int = 0
    moments: dict[str, datetime] = field(default_factory=dict)
    """When each of `opened`, `diagnosed`, `verified`, `resolved` was recorded."""

    def concerns(self, entry: LogEntry) -> bool:
        """Whether an entry belongs here: of the incident, or a report that led to it."""
        if entry.type == "ClusterEvent.Reported":
            return self._reports(entry.data)
        if entry.type == "Incident.Opened":
            return not self.incident_id and self._opens(entry.data)
        return bool(self.incident_id) and self.incident_id in (entry.stream_id, entry.correlation_id)

    def take(self, entry: LogEntry) -> None:
        """Go on with an entry that concerns this story."""
        handler = getattr(self, "_" + entry.type.replace(".", "_").lower(), None)
        if handler is not None:
            handler(entry)

    @property
    def mitigated(self) -> bool:
        """Users are served again."""
        return self.status in ("mitigated", "resolved")

    @property
    def ended(self) -> bool:
        """Nothing more is to come: the incident is over, or the repair has failed."""
        return self.status in ("resolved", "failed")

    @property
    def right(self) -> bool:
        """Diagnosed rightly, repaired by the right act, verified, and over."""
        return (
            self.status == "resolved"
            and self.root_cause == self.fault.cause
            and self.verified == self.fault.repair
            and self.repairs == [self.fault.repair]
        )

    def wrong(self) -> str:
        """What is not as it must be, in words; empty when all is."""
        if self.right:
            return ""
        if not self.incident_id:
            return "no incident was opened"
        if self.root_cause != self.fault.cause:
            return f"diagnosed as {self.root_cause or 'nothing'}, not {self.fault.cause}"
        if self.verified != self.fault.repair or self.repairs != [self.fault.repair]:
            return f"repairs {self.repairs or 'none'}, verified {self.verified or 'none'}, not {self.fault.repair}"
        return f"the incident is {self.status}, not resolved"

    def seconds_to(self, moment: str) -> float | None:
        """Seconds from the injection to a moment; None if it did not come."""
        at = self.moments.get(moment)
        return None if at is None else max(0.0, (at - self.injected_at).total_seconds())

    def _reports(self, report: dict[str, Any]) -> bool:
        labels = report.get("labels", {})
        owner = (labels.get("owner_kind") or labels.get("kind"), labels.get("owner_name") or labels.get("name"))
        here = report.get("cluster_id") == self.fault.cluster and report.get("namespace", "") == self.fault.namespace
        return here and owner == (self.fault.kind, self.fault.name)

    def _opens(self, opened: dict[str, Any]) -> bool:
        subject = (opened["cluster_id"], opened.get("namespace", ""), opened["kind"], opened["name"])
        return subject == (self.fault.cluster, self.fault.namespace, self.fault.kind, self.fault.name)

    def _incident_opened(self, entry: LogEntry) -> None:
        self.incident_id, self.status = entry.stream_id, "open"
        self.moments["opened"] = entry.at

    def _incident_diagnosed(self, entry: LogEntry) -> None:
        self.root_cause, self.confidence = entry.data["root_cause"], entry.data["confidence"]
        self.status = "diagnosed"
        if "diagnosed" not in self.moments:  # its reader may be behind the one that proposed the repair
            self.position_before_repair = entry.position
        self.moments["diagnosed"] = entry.at

    def _incident_mitigated(self, entry: LogEntry) -> None:
        self.status = "mitigated"

    def _incident_resolved(self, entry: LogEntry) -> None:
        self.status = "resolved"
        self.moments["resolved"] = entry.at

    def _remediation_proposed(self, entry: LogEntry) -> None:
        self.remediation_id = entry.stream_id
        self.position_before_repair = entry.position
        self.repairs.append(entry.data["action"])

    def _remediation_approvalrequested(self, entry: LogEntry) -> None:
        self.asked = True

    def _remediation_verified(self, entry: LogEntry) -> None:
        self.verified = self.repairs[-1] if self.repairs else ""
        self.moments["verified"] = entry.at

    def _remediation_failed(self, entry: LogEntry) -> None:
        self.status = "failed"

    def _workflow_failed(self, entry: LogEntry) -> None:
        self.status = "failed"
