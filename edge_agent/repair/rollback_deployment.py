"""Puts the template of an earlier revision back, as `kubectl rollout undo` does: the ReplicaSet's template without its hash label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.rollback_deployment import ENTRY as ACTION
from aetherius.domain.repair.rollback_deployment import RollbackDeployment
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import (
    Document,
    deployment_path,
    revision_of,
    until_unchanged,
)
from aetherius.edge_agent.repair.facts import facts_of_deployment
from aetherius.edge_agent.repair.gitops import FieldChange, refuse_reconciled
from aetherius.edge_agent.repair.neighbours import well
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.repair.rollout_state import migrations, refuse_unless_failed, refuse_unproven
from aetherius.edge_agent.repair.template_diff import Difference, Part, differences, more_than_one_thing

HASH: Final = "pod-template-hash"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
"""The numbers that a ReplicaSet had before: a rollback gives it a new one."""


class RollbackDeploymentPerformer(Performer[RollbackDeployment]):
    """Refused: the revision is gone, known to be bad, or not known to work; the Deployment is at another than expected, paused, kept by a reconciler,
    well, or only slow; the template differs in more than the field at fault, unless the order says that this is meant.
    """

    action = ACTION

    def target(self, job: Job[RollbackDeployment]) -> Document:
        """The Deployment."""
        return job.cluster.deployment(job.namespace, job.parameters.name)

    def facts(self, job: Job[RollbackDeployment]) -> list[str]:
        """The Deployment, and the revision that would be put back."""
        deployment = self.target(job)
        sets = job.cluster.replica_sets(deployment)
        target = next((each for each in sets if revision_of(each) == job.parameters.to_revision), None)
        back = f"uid {target['metadata']['uid']}" if target else "is gone"
        return [*facts_of_deployment(deployment), f"revision {job.parameters.to_revision} {back}"]

    def neighbours(self, job: Job[RollbackDeployment]) -> list[str]:
        """The other workloads of the namespace."""
        return well(job.cluster, job.namespace, job.parameters.name)

    def is_begun(self, job: Job[RollbackDeployment]) -> bool:
        """The Deployment has that revision's template."""
        try:
            return not self.simulate(job).changed
        except RepairRefusedError:
            return False

    def simulate(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Try it as a dry run."""
        return until_unchanged(lambda: _Attempt(job, job.cluster.rehearse).made())

    def execute(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Roll back, or say that it is so already."""
        return until_unchanged(lambda: _execute(job))

    def roll_back(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Forward again, to the revision that the repair left, if the Deployment still is where it was put. A person's order: it was left for a reason."""
        return until_unchanged(lambda: _undo(job))


ENTRY = RollbackDeploymentPerformer()


def _execute(job: Job[RollbackDeployment]) -> RepairAnswer:
    attempt = _Attempt(job, job.change)
    answer = attempt.made()
    if answer.changed and attempt.current is not None:
        job.cluster.revisions.note_bad(attempt.current["metadata"]["uid"])
    return answer


def _undo(job: Job[RollbackDeployment]) -> RepairAnswer:
    action = job.parameters
    deployment = job.cluster.deployment(job.namespace, action.name)
    target = next((each for each in job.cluster.replica_sets(deployment) if _is_or_was(each, action.to_revision)), None)
    if target is None or not _Wanted(action, deployment, target).is_there:
        raise RepairRefusedError(f"{action.name} is not at the template of revision {action.to_revision} any more")
    forward = msgspec.structs.replace(
        action, to_revision=action.expected_revision, expected_revision=revision_of(deployment), mode="execute"
    )
    again = msgspec.structs.replace(job, parameters=forward)
    return _Attempt(again, job.change, forward=False).made()


class _Wanted:
    """A Deployment's template as it would become."""

    def __init__(self, action: RollbackDeployment, deployment: Document, target: Document) -> None:
        self._action = action
        self._template = _tidy(deployment["spec"]["template"])
        self._target = template_of(target)
        self.found = differences(self._template, self._target)

    @property
    def images(self) -> list[Difference]:
        """Images that would be put back, where nothing else is."""
        images = [each for each in self.found if each.part is Part.IMAGE and each.old and each.new]
        return [each for each in images if self._action.container in ("", each.container)]

    @property
    def made(self) -> list[Difference]:
        """What would be changed."""
        return self.images if self._action.only_images else self.found

    @property
    def is_there(self) -> bool:
        """Nothing is left to change."""
        return not self.made

    @property
    def body(self) -> Document:
        """The strategic merge patch that makes it so."""
        if not self._action.only_images:
            return {"spec": {"template": {"$patch": "replace", **self._target}}}
        containers = [{"name": each.container, "image": each.new} for each in self.images]
        return {"spec": {"template": {"spec": {"containers": containers}}}}


class _Attempt:
    """One look, one decision, one change."""

    def __init__(self, job: Job[RollbackDeployment], change: Callable[..., Document], *, forward: bool = True) -> None:
        """`forward`: false for undoing a rollback, to a revision that was left."""
        self._action, self._cluster, self._change, self._forward = job.parameters, job.cluster, change, forward
        self._deployment = job.cluster.deployment(job.namespace, job.parameters.name)
        self._revision = revision_of(self._deployment)
        self._sets = job.cluster.replica_sets(self._deployment)
        self.current = next((each for each in self._sets if revision_of(each) == self._revision), None)

    def made(self) -> RepairAnswer:
        """Refuse, or change, or find that it is so already."""
        action, deployment = self._action, self._deployment
        target = next((each for each in self._sets if revision_of(each) == action.to_revision), None)
        known = target or next((each for each in self._sets if _is_or_was(each, action.to_revision)), None)
        if known is not None and _Wanted(action, deployment, known).is_there:
            return _answer(action, deployment, self._revision)
        if self._revision != action.expected_revision:
            raise RepairRefusedError(
                f"{action.name} is at revision {self._revision} by now, not {action.expected_revision}: somebody was faster"
            )
        if target is None:
            raise RepairRefusedError(f"{action.name} has no revision {action.to_revision} any more")
        wanted = _Wanted(action, deployment, target)
        self._refuse(wanted, target)
        changed = self._change(
            deployment, deployment_path(_namespace(deployment), action.name), wanted.body, "strategic"
        )
        coming = max(revision_of(each) for each in self._sets) + 1
        return _answer(action, changed, coming, wanted.made, self._warnings(wanted))

    def _refuse(self, wanted: _Wanted, target: Document) -> None:
        if self._deployment["spec"].get("paused"):
            raise RepairRefusedError(f"{self._action.name} is paused: it would not roll out")
        refuse_reconciled(self._deployment, [_field(each) for each in wanted.made])
        if self._forward:
            refuse_unproven(target, self._cluster)
            refuse_unless_failed(self._deployment, self.current, self._cluster)
            self._refuse_too_much(wanted)

    def _refuse_too_much(self, wanted: _Wanted) -> None:
        """A simulation says what a person would be asked; only the change itself needs the yes."""
        action, too_much = self._action, more_than_one_thing(wanted.made)
        allowed = action.mode == "simulate" or (action.whole_template and action.approved_by_person)
        if too_much and not allowed:
            raise RepairRefusedError(
                f"revision {self._action.to_revision} differs in more than one thing, and all of it would be undone: "
                f"{'; '.join(str(each) for each in too_much[:10])}: a person must approve the whole template"
            )

    def _warnings(self, wanted: _Wanted) -> list[str]:
        warnings = []
        if too_much := more_than_one_thing(wanted.made):
            warnings.append(f"more than one thing would be undone: {'; '.join(str(each) for each in too_much[:10])}")
        if self._action.only_images and len(wanted.found) > len(wanted.images):
            rest = [str(each) for each in wanted.found if each not in wanted.images and each.part is not Part.MARK]
            warnings += [f"the older image would run with what came later: {'; '.join(rest[:10])}"] if rest else []
        starts = sorted({each.container for each in wanted.found if each.path[:2] == ("spec", "initContainers")})
        warnings += [
            f"init container {each} changed: if it migrates data, the older revision may not be able to read it"
            for each in starts
        ]
        return [*warnings, *migrations(self._deployment, self.current, self._cluster)]


def _namespace(deployment: Document) -> str:
    return str(deployment["metadata"]["namespace"])


def _field(difference: Difference) -> FieldChange:
    owned: tuple[str, ...] = ()
    if difference.part is Part.IMAGE:
        owned = ("f:spec", "f:template", "f:spec", "f:containers", f'k:{{"name":"{difference.container}"}}', "f:image")
    shown = difference.part is Part.IMAGE
    text = ".".join(difference.path)
    old, new = (str(difference.old), str(difference.new)) if shown else ("what it is", "what it was")
    return FieldChange(field=text, old=old, new=new, path=owned)


def template_of(replica_set: Document) -> Document:
    """A ReplicaSet's template as its Deployment had it."""
    template: Document = replica_set["spec"]["template"]
    labels = {key: value for key, value in (template["metadata"].get("labels") or {}).items() if key != HASH}
    tidy: Document = _tidy({**template, "metadata": {**template["metadata"], "labels": labels}})
    return tidy


def _is_or_was(replica_set: Document, revision: int) -> bool:
    return revision_of(replica_set) == revision or str(revision) in _earlier_numbers(replica_set)


def _earlier_numbers(replica_set: Document) -> list[str]:
    history: str = (replica_set["metadata"].get("annotations") or {}).get(HISTORY, "")
    return history.split(",")


def _tidy(value: Any) -> Any:
    """Without nulls and empties that one copy has and the other has not."""
    if isinstance(value, dict):
        return {key: _tidy(each) for key, each in value.items() if each is not None and each != {}}
    return [_tidy(each) for each in value] if isinstance(value, list) else value


def _answer(
    action: RollbackDeployment,
    deployment: Document,
    revision: int,
    made: Sequence[Difference] = (),
    warnings: Sequence[str] = (),
) -> RepairAnswer:
    what = "rolled back from" if made else "was at this template already, after"
    images = " (images only)" if action.only_images else ""
    return RepairAnswer(
        action=ACTION.name,
        changed=bool(made),
        summary=f"{action.name} to revision {action.to_revision}{images}: {what} revision {action.expected_revision}",
        undo_action=ACTION.name,
        undo_parameters=msgspec.to_builtins(msgspec.structs.replace(action, mode="restore", seen=[])),
        generation=int(deployment["metadata"].get("generation", 0)),
        warnings=list(warnings),
        changes=[str(each) for each in made],
    )
