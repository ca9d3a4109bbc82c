"""The remediation that a workflow proposes: the decision's choice, with the typed parameters that the analysis recommends for it."""

from __future__ import annotations

from uuid import UUID

from aetherius.domain.analysis import Completed
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.remediation import Proposed
from aetherius.domain.root_cause import CauseCode
from aetherius.domain.wire.analysis import Recommendation
from aetherius.domain.wire.repair import DrainNode, VerifyEvacuation, parse_action
from aetherius.domain.workflow.definition import REMEDIATIONS
from aetherius.domain.workflow.events import Started, Target


def propose(
    started: Started, workflow_id: UUID, step_id: str, choice: str, reason: str, analysis: Completed | None
) -> Proposed:
    """What would be done. A choice that the analysis has no parameters for becomes a notification: nothing is changed on a guess."""
    action = REMEDIATIONS[choice]
    target = started.target
    recommended = next(
        (r for r in (analysis.recommendations if analysis else []) if r.action == action and _fits(r, target)), None
    )
    if recommended is None and action != "Notify":
        action, reason = "Notify", f"{action} was chosen, but the evidence gives no safe parameters for it"
    return Proposed(
        incident_id=started.incident_id,
        workflow_id=workflow_id,
        step_id=step_id,
        cluster_id=target.cluster_id,
        namespace=target.namespace,
        kind=target.kind,
        name=target.name,
        action=action,
        parameters=recommended.parameters if recommended and action != "Notify" else {},
        reason=reason or _why(analysis),
    )


def _fits(recommendation: Recommendation, target: Target) -> bool:
    """Whether the parameters are those of the typed action, and mean the incident's own object."""
    try:
        action = parse_action(recommendation.action, recommendation.parameters)
    except InvalidMessageError:
        return False
    return target.name == (action.node if isinstance(action, DrainNode | VerifyEvacuation) else action.name)


def _why(analysis: Completed | None) -> str:
    if analysis is None:
        return "there is no analysis"
    if analysis.root_cause is CauseCode.UNKNOWN:
        return f"the cause is unknown: {summary(analysis)}"
    return f"{analysis.root_cause} ({analysis.detail.confidence:.0%}): {summary(analysis)}"


def summary(analysis: Completed) -> str:
    """The evidence in a line."""
    return "; ".join(evidence.finding for evidence in analysis.detail.evidence)[:1000] or "no evidence"
