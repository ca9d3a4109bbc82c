"""The rules as a reasoner: each fault's own, all reading the same evidence."""

from __future__ import annotations

from typing import Final

from aetherius.domain.diagnosis.evidence import read
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.fault.faults import Faults
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse, RootCause

NAME: Final = "rules/1"


def analyze(request: AnalysisRequest, faults: Faults) -> AnalysisResponse:
    """The answer to a request, by rules alone: the same evidence always gives the same answer.

    Raises:
        msgspec.ValidationError: the request does not say what the incident is about.
        InvalidMessageError: it is about a symptom that this version does not know.
    """
    file = read(request.context)
    fault = faults.of(file.about.symptom)
    if fault is None:
        raise InvalidMessageError("event.symptom", f"{file.about.symptom!r} is no fault that the rules know")
    verdict = fault.judge(file)
    return AnalysisResponse(
        request_id=request.request_id,
        status="completed",
        root_cause=RootCause(type=verdict.type, confidence=verdict.confidence, evidence=verdict.evidence),
        recommendations=verdict.recommendations,
    )
