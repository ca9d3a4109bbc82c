"""A command: an order to an agent, from issue to answer."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event
from aetherius.domain.secrets import Secret
from aetherius.domain.wire.command import CommandType, ResultMessage, ResultStatus


class CommandStatus(enum.StrEnum):
    """Where a command is; the last six are final."""

    NEW = "new"
    ISSUED = "issued"
    DISPATCHED = "dispatched"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Nothing follows."""
        return self not in (CommandStatus.NEW, CommandStatus.ISSUED, CommandStatus.DISPATCHED)


class Issued(Event, stream="Command", frozen=True, kw_only=True, omit_defaults=True):
    """Somebody ordered; the dispatcher sends it once it reads this."""

    cluster_id: str
    type: CommandType
    tool: str
    action: str
    args: list[str] = []
    namespace: str = ""
    timeout: str = "30s"
    issued_by: str
    parameters: dict[str, Any] = {}
    node: str = ""
    expires_at: datetime
    workflow_id: UUID | None = None
    remediation_id: UUID | None = None
    step_id: str = ""


class Refused(Event, stream="Command", frozen=True, kw_only=True):
    """A rule said no, here or at the edge; `rejected_by` names layer and rule."""

    rejected_by: str
    error: str


class Dispatched(Event, stream="Command", frozen=True, kw_only=True):
    """Handed to the broker for the agent."""


class Succeeded(Event, stream="Command", frozen=True, kw_only=True, omit_defaults=True):
    """The agent ran it; `output` is at most 256 KiB, `truncated` says if there was more."""

    exit_code: int | None = None
    output: Secret = ""
    execution_time: str = "0s"
    truncated: bool = False
    output_sha256: str = ""
    output_object: str = ""


class Failed(Event, stream="Command", frozen=True, kw_only=True, omit_defaults=True):
    """The agent ran it, and it failed."""

    exit_code: int | None = None
    output: Secret = ""
    error: Secret = ""
    execution_time: str = "0s"
    truncated: bool = False
    output_sha256: str = ""


class TimedOut(Event, stream="Command", frozen=True, kw_only=True, omit_defaults=True):
    """It took longer than allowed and was stopped."""

    output: Secret = ""
    error: Secret = ""


class Cancelled(Event, stream="Command", frozen=True, kw_only=True):
    """Called back before or while it ran."""

    error: str = ""


class Lost(Event, stream="Command", frozen=True, kw_only=True):
    """It expired without an answer: whether it ran is unknown."""

    reason: str


Answer = Refused | Succeeded | Failed | TimedOut | Cancelled | Lost
ANSWERS: tuple[type[Event], ...] = (Refused, Succeeded, Failed, TimedOut, Cancelled, Lost)

_STATUS: dict[type[Event], CommandStatus] = {
    Issued: CommandStatus.ISSUED,
    Dispatched: CommandStatus.DISPATCHED,
    Refused: CommandStatus.REFUSED,
    Succeeded: CommandStatus.SUCCEEDED,
    Failed: CommandStatus.FAILED,
    TimedOut: CommandStatus.TIMED_OUT,
    Cancelled: CommandStatus.CANCELLED,
    Lost: CommandStatus.LOST,
}


def answer_of(result: ResultMessage) -> Answer:
    """The event that a result message is."""
    match result.status:
        case ResultStatus.SUCCESS:
            return Succeeded(
                exit_code=result.exit_code,
                output=result.output,
                execution_time=result.execution_time,
                truncated=result.truncated,
                output_sha256=result.output_sha256,
                output_object=result.output_object,
            )
        case ResultStatus.FAILED:
            return Failed(
                exit_code=result.exit_code,
                output=result.output,
                error=result.error,
                execution_time=result.execution_time,
                truncated=result.truncated,
                output_sha256=result.output_sha256,
            )
        case ResultStatus.REJECTED:
            return Refused(rejected_by=result.rejected_by, error=result.error)
        case ResultStatus.TIMEOUT:
            return TimedOut(output=result.output, error=result.error)
        case ResultStatus.CANCELLED:
            return Cancelled(error=result.error)
        case ResultStatus.UNKNOWN:
            return Lost(reason=result.error)


class Command(Aggregate):
    """One command, and the rules of its life."""

    stream = "Command"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.status = CommandStatus.NEW
        self.issued: Issued | None = None
        self.answer: Event | None = None

    def issue(self, order: Issued, at: datetime) -> None:
        """Order it. Raises ``WrongStateError`` when this id was issued before."""
        if self.status is not CommandStatus.NEW:
            raise WrongStateError(f"command {self.id}", self.status, "issue again")
        self.record(order, at)

    def dispatched(self, at: datetime) -> None:
        """Note that the broker has it; nothing happens when that is known."""
        if self.status is CommandStatus.ISSUED:
            self.record(Dispatched(), at)

    def finish(self, answer: Answer, at: datetime) -> bool:
        """Take the answer; False when an answer is known already (a result that came twice, or after its command was given up)."""
        if self.status.final or self.status is CommandStatus.NEW:
            return False
        self.record(answer, at)
        return True

    def cancel(self, reason: str, at: datetime) -> None:
        """Call it back. Raises ``WrongStateError`` when it has ended."""
        if self.status.final:
            raise WrongStateError(f"command {self.id}", self.status, "cancel")
        self.record(Cancelled(error=reason), at)

    def evolve(self, event: Event) -> None:
        self.status = _STATUS.get(type(event), self.status)
        if isinstance(event, Issued):
            self.issued = event
        elif self.status.final:
            self.answer = event
