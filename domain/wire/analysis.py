"""The analysis request and its answer: what the reasoning service is asked and says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Score = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class AnalysisContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known: the incident's events, outputs of commands by step, metrics, topology."""

    event: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    logs: dict[str, str] = {}
    metrics: dict[str, Any] = {}
    topology: dict[str, Any] = {}


class AnalysisOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`min_confidence`: below it the answer is `unknown`."""

    timeout: str = "30s"
    min_confidence: Score = 0.6


class AnalysisRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asked on `ai.reasoning.request`."""

    request_id: str
    workflow_id: str
    analysis_type: Literal["root_cause", "predict", "recommend"]
    context: AnalysisContext
    options: AnalysisOptions = AnalysisOptions()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: where it was seen (a step's id or `events`), and what, quoted."""

    source: str
    finding: str
    weight: Score = 1.0


class RootCause(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is the reasoner's own word (`OOMKiller`); the short code is mapped from it by a table in `domain`."""

    type: str
    confidence: Score
    evidence: list[Evidence] = []


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A repair that would help, with the typed parameters it needs."""

    action: str
    confidence: Score
    risk: str = "low"
    impact: str = ""
    steps: list[str] = []
    rollback: list[str] = []
    parameters: dict[str, Any] = {}


class AnalysisResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; a `root_cause.type` of `unknown` is an honest one."""

    request_id: str
    status: Literal["completed", "failed"]
    root_cause: RootCause
    recommendations: list[Recommendation] = []
    similar_cases: list[str] = []
    error: str = ""
