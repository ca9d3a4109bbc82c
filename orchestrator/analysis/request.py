"""The request that an analysis becomes: the incident's events and the outputs of its commands, read from the log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from aetherius.domain.analysis import Requested
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Command
from aetherius.domain.command import Failed as CommandFailed
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.event import Recorded
from aetherius.domain.incident import EventsCorrelated, Opened, Reopened
from aetherius.domain.wire.analysis import AnalysisContext, AnalysisOptions, AnalysisRequest
from aetherius.domain.wire.command import format_duration
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.event_store.ports import Evidence

MAX_SIGNS = 200
"""The latest events of an incident, since it was opened or reopened, that a reasoner sees."""


def request_of(log: Evidence, analysis_id: UUID, asked: Requested, timeout: float) -> AnalysisRequest:
    """The whole request.

    Raises:
        LogUnavailableError: safe to repeat.
    """
    history = log.stream(asked.incident_id)
    return AnalysisRequest(
        request_id=str(analysis_id),
        workflow_id=str(asked.workflow_id),
        analysis_type="root_cause",
        context=AnalysisContext(
            event=_subject(history),
            events=_signs(log, history),
            logs={step: _output(log, command_id) for step, command_id in asked.inputs.items()},
        ),
        options=AnalysisOptions(timeout=format_duration(timeout), min_confidence=asked.min_confidence),
    )


def _subject(history: list[Recorded]) -> dict[str, Any]:
    for recorded in history:
        if isinstance(recorded.event, Opened):
            opened: dict[str, Any] = msgspec.to_builtins(recorded.event)
            return opened | {"reopened": sum(isinstance(each.event, Reopened) for each in history)}
    return {}


def _signs(log: Evidence, history: list[Recorded]) -> list[dict[str, Any]]:
    ids: list[UUID] = []
    for recorded in history:
        match recorded.event:
            case Opened() as opened:
                ids.append(opened.event_id)
            case EventsCorrelated() as more:
                ids += more.ids
            case Reopened():
                ids = []  # what was seen before a repair tells nothing of what is wrong after it
            case _:
                pass
    signs = (recorded for each in ids[-MAX_SIGNS:] for recorded in log.stream(each))
    return [msgspec.to_builtins(sign.event) for sign in signs if isinstance(sign.event, Reported)]


def _output(log: Evidence, command_id: UUID) -> str:
    try:
        answer = log.load(Command, command_id).answer
    except StreamNotFoundError:
        return ""
    sealed = answer.output if isinstance(answer, CommandSucceeded | CommandFailed) else ""
    return log.sealing.keys.show(sealed, command_id)
