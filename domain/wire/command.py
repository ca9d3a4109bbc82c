"""The command message (manager to agent) and the result message (agent to manager)."""

from __future__ import annotations

import enum
import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from aetherius.domain.errors import InvalidMessageError

Name = Annotated[str, msgspec.Meta(max_length=253)]
MAX_INLINE_OUTPUT = 256 * 1024
"""Bytes of output that travel inside a result."""
MAX_TIMEOUT = 600.0
"""Seconds; a verification may watch a rollout for minutes."""

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class CommandType(enum.StrEnum):
    """Diagnostic commands read; remediation commands change the cluster."""

    DIAGNOSTIC = "diagnostic"
    REMEDIATION = "remediation"


class ResultStatus(enum.StrEnum):
    """How a command ended. `unknown` is the manager's word for one whose agent went away."""

    SUCCESS = "success"
    FAILED = "failed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An order to one agent. `tool` is `kubectl`, a host tool, or `repair` for a typed action, which takes `parameters` and never `args`."""

    id: Name
    cluster_id: Name
    type: CommandType
    tool: Name
    action: Name
    args: list[str] = []
    namespace: Name = ""
    timeout: str = "30s"
    issued_by: Name
    correlation_id: Name
    parameters: dict[str, Any] = {}
    node: Name = ""
    expires_at: datetime
    nonce: Name

    def __post_init__(self) -> None:
        if parse_duration(self.timeout) > MAX_TIMEOUT:
            raise ValueError(f"timeout {self.timeout} is over {MAX_TIMEOUT:g}s")


class ResultMessage(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. `rejected_by` names layer and rule (`grammar: --raw is denied`)."""

    command_id: Name
    cluster_id: Name
    status: ResultStatus
    exit_code: int | None = None
    output: str = ""
    error: str = ""
    execution_time: str = "0s"
    timestamp: datetime
    truncated: bool = False
    output_sha256: str = ""
    rejected_by: str = ""
    output_object: str = ""
    agent_id: str = ""
    epoch: int = 1


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `1.5m`, `200ms`, `1h`.

    Raises:
        InvalidMessageError: not a duration.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise InvalidMessageError("duration", f"{text!r} is not a number with ms, s, m or h")
    return float(match[1]) * _UNITS[match[2]]


def format_duration(seconds: float) -> str:
    """Seconds as the wire writes them: `2.5s`."""
    return f"{round(seconds, 3):g}s"
