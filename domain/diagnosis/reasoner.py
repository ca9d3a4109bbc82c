"""The rule-based reasoner: one rule a symptom, each reading the same evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aetherius.domain.diagnosis import config, image, lost_node, out_of_memory
from aetherius.domain.diagnosis.evidence import EvidenceFile, read
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.symptom import Symptom
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse, RootCause

NAME: Final = "rules/1"
_RULES: Final[dict[Symptom, Callable[[EvidenceFile], Verdict]]] = {
    Symptom.CRASH_LOOP: out_of_memory.judge,
    Symptom.IMAGE_PULL: image.judge,
    Symptom.CONFIG_ERROR: config.judge,
    Symptom.NODE_NOT_READY: lost_node.judge,
}


def analyze(request: AnalysisRequest) -> AnalysisResponse:
    """The answer to a request, by rules alone: the same evidence always gives the same answer.

    Raises:
        msgspec.ValidationError: the request does not say what the incident is about.
    """
    file = read(request.context)
    verdict = _RULES[file.subject.symptom](file)
    return AnalysisResponse(
        request_id=request.request_id,
        status="completed",
        root_cause=RootCause(type=verdict.type, confidence=verdict.confidence, evidence=verdict.evidence),
        recommendations=verdict.recommendations,
    )
