"""The port of whoever answers analyses: rules today, models beside them."""

from __future__ import annotations

from typing import Protocol

import anyio.to_thread
import msgspec

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import Faults, shipped_faults
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse, RootCause


class Reasoner(Protocol):
    """Answers analysis requests. Must be safe to ask twice: an answer that got lost is asked for again."""

    @property
    def name(self) -> str:
        """Name and version, kept with each answer."""

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        """The answer; `failed` when the request cannot be understood.

        Raises:
            InfrastructureError: nobody answered; may be asked again.
        """


class RuleReasoner:
    """The faults' own rules."""

    name = rules.NAME

    def __init__(self, faults: Faults | None = None) -> None:
        """`faults`: those there are; all that the program ships with, if None."""
        self._faults = faults or shipped_faults()

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        """Apply the rules, in a thread: outputs may be large."""
        try:
            return await anyio.to_thread.run_sync(rules.analyze, request, self._faults)
        except (msgspec.ValidationError, InvalidMessageError) as exc:
            nobody = RootCause(type="unknown", confidence=0.0)
            return AnalysisResponse(request_id=request.request_id, status="failed", root_cause=nobody, error=str(exc))
