"""The demo's lines: one for each event of a story that a person would want to see."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aetherius.cli.demo.story import LogEntry, Story

_STYLES = {
    "event": "yellow",
    "incident": "bold red",
    "folded": "dim",
    "strategy": "cyan",
    "evidence": "blue",
    "diagnosis": "bold magenta",
    "repair": "bold cyan",
    "risk": "cyan",
    "approval": "bold yellow",
    "command": "blue",
    "verified": "bold green",
    "resolved": "bold green",
    "failed": "bold red",
}


class Narration:
    """Writes stories to a terminal (or to a file: then without colours)."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._seen: set[tuple[str, str]] = set()

    def fault(self, number: int, story: Story, command: str) -> None:
        """A fault is injected."""
        fault = story.fault
        self.console.print()
        self.console.rule(f"[bold]{number}. {fault.title}[/] · cluster {fault.cluster}", align="left")
        self.console.print(f"[dim]$ {_shortened(command, 150)}[/]")

    def entry(self, story: Story, entry: LogEntry) -> None:
        """One line for an entry, or none for one that says nothing new."""
        said = self._said(entry)
        if said is None:
            return
        label, text = said
        seconds = (entry.at - story.injected_at).total_seconds()
        line = Table.grid(padding=(0, 1))
        line.add_column(width=10, justify="right", no_wrap=True)
        line.add_column(width=9, no_wrap=True)
        line.add_column()
        line.add_row(f"{seconds:.2f} s", Text(label, style=_STYLES.get(label, "")), Text(_shortened(text, 230)))
        self.console.print(line)

    def summary(self, stories: list[Story]) -> None:
        """The closing table."""
        table = Table(title="from fault to ...", title_justify="left", header_style="bold")
        for column in ("fault", "detected", "diagnosed", "cause", "repair", "verified", "end"):
            table.add_column(column, justify="right" if column in ("detected", "diagnosed", "verified") else "left")
        for story in stories:
            table.add_row(
                story.fault.title,
                _seconds(story.seconds_to("opened")),
                _seconds(story.seconds_to("diagnosed")),
                f"{story.root_cause or '-'} ({story.confidence:.0%})",
                story.verified or "-",
                _seconds(story.seconds_to("verified")),
                f"[green]{story.status}[/]" if story.right else f"[red]{story.wrong()}[/]",
            )
        self.console.print()
        self.console.print(table)

    def _said(self, entry: LogEntry) -> tuple[str, str] | None:
        teller = getattr(self, "_" + entry.type.replace(".", "_").lower(), None)
        return teller(entry, entry.data) if teller else None

    def _once(self, entry: LogEntry, what: str) -> bool:
        fresh = (entry.type, what) not in self._seen
        self._seen.add((entry.type, what))
        return fresh

    def _clusterevent_reported(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str] | None:
        if said["severity"] in ("low",) or not self._once(
            entry, f"{said['reason']} {said['labels'].get('owner_name')}"
        ):
            return None
        return "event", f"{said['reason']}  {said['labels']['name']}: {said['message']}"

    def _incident_opened(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "incident", f"opened: {said['symptom']} of {said['kind']} {said['name']}, severity {said['severity']}"

    def _incident_eventscorrelated(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "folded", f"{said['count']} more: {', '.join(said['reasons'])}"

    def _strategy_selected(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "strategy", f"{said['strategy']}: {said['because']}"

    def _command_issued(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        words = " ".join(said.get("args", [])) or " ".join(f"{k}={v}" for k, v in said.get("parameters", {}).items())
        label = "command" if said.get("remediation_id") else "evidence"
        return label, f"{said['tool']} {said['action']} {words}"

    def _command_failed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "failed", f"command: {said.get('error', '')}"

    def _command_refused(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "failed", f"command refused by {said['rejected_by']}: {said['error']}"

    def _incident_diagnosed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "diagnosis", f"{said['root_cause']} ({said['confidence']:.0%}): {said['summary']}"

    def _remediation_proposed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        words = ", ".join(f"{key}={value}" for key, value in said["parameters"].items())
        return "repair", f"proposed: {said['action']} {words}"

    def _remediation_riskassessed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "risk", f"{said['risk']}: {'; '.join(said['reasons'])}"

    def _remediation_approvalrequested(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "approval", "asked for"

    def _remediation_planned(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        plan = said["plan"]
        return "plan", f"{plan['told']} (dry run {plan['dry_run']}, digest {said['digest'][:12]})"

    def _remediation_approved(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "approval", f"given by {said['by']}"

    def _remediation_rejected(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "approval", f"refused by {said['by']}: {said['reason']}"

    def _remediation_executed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "repair", f"done: {said['summary']}"

    def _remediation_verified(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "verified", str(said["summary"])

    def _remediation_verificationfailed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "failed", f"verification: {said['reason']}"

    def _remediation_failed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "failed", str(said["reason"])

    def _workflow_failed(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "failed", f"workflow at {said['step_id']}: {said['error']}"

    def _incident_mitigated(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "incident", "mitigated"

    def _incident_resolved(self, entry: LogEntry, said: dict[str, Any]) -> tuple[str, str]:
        return "resolved", f"{said['how']}: {said['summary']}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _shortened(text: str, length: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"
