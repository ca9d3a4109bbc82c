"""The remediation that a workflow proposes: the decision's choice, with the typed parameters that the analysis recommends for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aetherius.domain.analysis import Completed
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.remediation import Proposed
from aetherius.domain.repair.action import Repair
from aetherius.domain.repair.actions import Actions
from aetherius.domain.repair.notify import ENTRY as NOTIFY
from aetherius.domain.wire.analysis import Recommendation
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.events import Started, Target


def propose(
    started: Started,
    workflow_id: UUID,
    step_id: str,
    choice: str,
    reason: str,
    analysis: Completed | None,
    actions: Actions,
) -> Proposed:
    """What would be done. A choice that the analysis has no parameters for becomes a notification: nothing is changed on a guess."""
    target = started.target
    chosen = actions.choices.get(choice)
    recommended = _recommended(chosen, analysis, target) if chosen else None
    if recommended is None and chosen is not NOTIFY:
        reason = f"{_why_not(choice, chosen)}: {_why(analysis)}"
    repair: Repair[Any] = chosen if chosen and recommended else NOTIFY
    return Proposed(
        incident_id=started.incident_id,
        workflow_id=workflow_id,
        step_id=step_id,
        cluster_id=target.cluster_id,
        namespace=target.namespace,
        kind=target.kind,
        name=target.name,
        action=repair.name,
        parameters=recommended.parameters if recommended and repair.on_cluster else {},
        reason=reason or _why(analysis),
    )


def _recommended(repair: Repair[Any], analysis: Completed | None, target: Target) -> Recommendation | None:
    given = analysis.recommendations if analysis else []
    return next((each for each in given if each.action == repair.name and _fits(repair, each, target)), None)


def _fits(repair: Repair[Any], recommendation: Recommendation, target: Target) -> bool:
    """Whether the parameters are those of the typed action, and mean the incident's own object."""
    try:
        parameters = repair.parse(recommendation.parameters)
    except InvalidMessageError:
        return False
    return repair.fits(parameters, target.name)


def _why_not(choice: str, repair: Repair[Any] | None) -> str:
    if repair is None:
        return f"{choice} was chosen, which this version does not know"
    return f"{repair.name} was chosen, but the evidence gives no safe parameters for it"


def _why(analysis: Completed | None) -> str:
    if analysis is None:
        return "there is no analysis"
    if analysis.root_cause == UNKNOWN:
        return f"the cause is unknown: {summary(analysis)}"
    return f"{analysis.root_cause} ({analysis.detail.confidence:.0%}): {summary(analysis)}"


def summary(analysis: Completed) -> str:
    """The evidence in a line."""
    return "; ".join(evidence.finding for evidence in analysis.detail.evidence)[:1000] or "no evidence"
