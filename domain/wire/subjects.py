"""The NATS subjects, and the names that may stand in them."""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.errors import InvalidMessageError

_CLUSTER_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

AGENT_EVENTS: Final = "aetherius.agent.*.event"
AGENT_REGISTRATIONS: Final = "aetherius.agent.*.register"
AGENT_HEARTBEATS: Final = "aetherius.agent.*.heartbeat"
AGENT_RESULTS: Final = "aetherius.agent.*.result"
AGENT_METRICS: Final = "aetherius.agent.*.metrics"
AGENT_TOPOLOGY: Final = "aetherius.agent.*.topology"
AGENT_COMMANDS: Final = "aetherius.agent.*.command"

CRITICAL_EVENT: Final = "internal.event.critical"
ANOMALY: Final = "internal.event.anomaly"
SLO_BREACH: Final = "internal.event.slo_breach"
COMMAND_RESULT: Final = "internal.command.result"
METRICS_ALERT: Final = "internal.metrics.alert"
REASONING_REQUEST: Final = "ai.reasoning.request"
FEEDBACK: Final = "ai.feedback.data"

WORK_ANALYSES: Final = "work.analysis"
"""Prefix: priority and cluster follow."""
WORK_WAKEUPS: Final = "work.due.workflow"
WORK_DEADLINES: Final = "work.due.approval"

DEAD_LETTERS: Final = "aetherius.dead-letter"
"""Prefix: the subject a message came from follows, so a filter finds the dead letters of one cluster."""


def checked_cluster_id(cluster_id: str) -> str:
    """The id itself, if it may stand in a subject: lower-case letters, digits and dashes, at most 63 (a DNS label).

    Raises:
        InvalidMessageError: it may not.
    """
    if not _CLUSTER_ID.fullmatch(cluster_id):
        raise InvalidMessageError("cluster_id", f"{cluster_id!r} is not a DNS label (a-z, 0-9, '-', at most 63)")
    return cluster_id


def agent_subject(cluster_id: str, leaf: str) -> str:
    """`aetherius.agent.{cluster_id}.{leaf}`. Raises ``InvalidMessageError`` for an id that may not stand in a subject."""
    return f"aetherius.agent.{checked_cluster_id(cluster_id)}.{leaf}"


def event(cluster_id: str) -> str:
    """Where an agent publishes what it saw."""
    return agent_subject(cluster_id, "event")


def register(cluster_id: str) -> str:
    """Where an agent introduces itself."""
    return agent_subject(cluster_id, "register")


def heartbeat(cluster_id: str) -> str:
    """Where an agent says that it lives (core NATS)."""
    return agent_subject(cluster_id, "heartbeat")


def command(cluster_id: str) -> str:
    """The work queue of one agent."""
    return agent_subject(cluster_id, "command")


def result(cluster_id: str) -> str:
    """Where an agent says how a command ended."""
    return agent_subject(cluster_id, "result")


def cluster_of(subject: str) -> str:
    """The cluster id in an agent subject.

    Raises:
        InvalidMessageError: not an agent subject.
    """
    words = subject.split(".")
    if len(words) != 4 or words[:2] != ["aetherius", "agent"]:
        raise InvalidMessageError(subject, "not an agent subject")
    return words[2]


def analysis(cluster_id: str) -> str:
    """Where an analysis of this cluster is queued."""
    return f"{WORK_ANALYSES}.normal.{cluster_id}"


def concerned(subject: str) -> str:
    """The cluster that a message on this subject is about; empty if the subject does not tell."""
    match subject.split("."):
        case ["aetherius", "agent", cluster_id, _, *_] | ["work", "analysis", _, cluster_id]:
            return cluster_id
        case _:
            return ""


def concerning(cluster_id: str) -> list[str]:
    """The subjects, with wildcards, of which `concerned` says this cluster."""
    return [f"aetherius.agent.{cluster_id}.>", f"{WORK_ANALYSES}.*.{cluster_id}"]
