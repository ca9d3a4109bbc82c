"""The analysis desk: a reasoner that breaks is an analysis that failed, not a process that falls."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from nats.aio.client import Client

from aetherius.domain.analysis import Analysis, AnalysisStatus, Requested
from aetherius.domain.event import Cause
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse
from aetherius.event_store.errors import LogUnavailableError
from aetherius.orchestrator.analysis.desk import AnalysisDesk
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.settings import OrchestratorSettings


class Broken:
    """A reasoner that raises."""

    name = "broken/1"

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        raise self._fault


def asked(stage: Any) -> Analysis:
    analysis = Analysis(uuid4())
    analysis.ask(
        Requested(incident_id=uuid4(), workflow_id=uuid4(), step_id="analyze", cluster_id="north", inputs={}), stage.now
    )
    stage.log.save(analysis, _cause())
    return analysis


def _cause() -> Cause:
    return Cause(actor="user:test")


def answer(stage: Any, analysis: Analysis, fault: Exception) -> None:
    unused: Any = None
    context = Context(OrchestratorSettings("", ""), stage.log, unused, stage.rows, Client())
    asyncio.run(AnalysisDesk(context, Broken(fault))._answer(analysis.id))


def test_a_reasoner_that_breaks_on_its_input_fails_the_analysis(stage: Any) -> None:
    analysis = asked(stage)
    answer(stage, analysis, ValueError("what a cluster printed"))
    assert stage.log.load(Analysis, analysis.id).status is AnalysisStatus.FAILED


def test_a_reasoner_that_is_away_is_asked_again(stage: Any) -> None:
    analysis = asked(stage)
    with pytest.raises(LogUnavailableError):
        answer(stage, analysis, LogUnavailableError("away"))
    assert stage.log.load(Analysis, analysis.id).status is AnalysisStatus.REQUESTED
