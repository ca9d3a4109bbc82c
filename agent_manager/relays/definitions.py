"""The workflow definitions that are in force, as the orchestrator published them in the log; read again now and then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from aetherius.agent_manager.context import Context
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.workflow.definition import Published, WorkflowDefinition, definition_stream
from aetherius.event_store.log import Log

MAX_AGE: Final = 30.0
"""Seconds; definitions change with a new version of the orchestrator."""


class Definitions:
    """Those that strategies name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: Mapping[str, WorkflowDefinition] = {}
        self._read_at = -MAX_AGE

    async def in_force(self) -> Mapping[str, WorkflowDefinition]:
        """By name, at most `MAX_AGE` old. Raises ``LogUnavailableError``: safe to repeat."""
        if time.monotonic() - self._read_at >= MAX_AGE:
            self._known = await self._context.blocking(_read, self._context.log)
            self._read_at = time.monotonic()
        return self._known


def _read(log: Log) -> Mapping[str, WorkflowDefinition]:
    found: dict[str, WorkflowDefinition] = {}
    for name in {fault.strategy.workflow for fault in shipped_faults()}:
        history = log.stream(definition_stream(name))
        if history and isinstance(last := history[-1].event, Published):  # the last word may be `Retired`
            found[name] = last.definition
    return found
