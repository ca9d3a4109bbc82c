"""Moves everything off a node: says first what would happen, then does it by evictions (so that budgets hold), and can take its own marks back.

For a node whose kubelet is dead the evicted pods would stay `Terminating` for ever: only then the out-of-service taint is set, on which the cluster lets
them go and detaches their volumes. On a node that lives it makes two writers of one volume, so the node must be silent for long and known to be off
(`draining/node_state.py`), looked at right before.
"""

from __future__ import annotations

import msgspec

from aetherius.domain.repair.answers import WorkloadRef
from aetherius.domain.repair.drain_node import ENTRY as ACTION
from aetherius.domain.repair.drain_node import DrainNode, DrainNodeAnswer, PodPlacement
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_objects import Metadata
from aetherius.edge_agent.marks import CORDONED
from aetherius.edge_agent.repair.cluster import Cluster, Document, is_true, until_unchanged
from aetherius.edge_agent.repair.draining.course import Course, what_taint_removes
from aetherius.edge_agent.repair.draining.node_state import state_of
from aetherius.edge_agent.repair.draining.plan import Plan, plan, why_stays
from aetherius.edge_agent.repair.neighbours import well
from aetherius.edge_agent.repair.node_marks import OUT_OF_SERVICE, cordon, restore
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.repair.scheduling.pods import SchedulingPod


class DrainNodePerformer(Performer[DrainNode]):
    """Refused, before anything is changed: no such node; it came back (if only a lost one is meant); the node or the state of the cluster forbids (see
    `draining/node_refusals.py`); no other ready node; a budget, data or missing room forbids. A drain that ends early says what it leaves: the node stays
    cordoned then, and a repeat goes on.
    """

    action = ACTION

    def target(self, job: Job[DrainNode]) -> Document:
        """The node."""
        return job.cluster.node(job.parameters.node)

    def facts(self, job: Job[DrainNode]) -> list[str]:
        """The node and its state, and whose pods would move. Not which pods: they go by themselves while somebody thinks."""
        node = self.target(job)
        listed = job.cluster.api.list("/api/v1/pods", field_selector=f"spec.nodeName={job.parameters.node}")
        pods = [msgspec.convert(each, SchedulingPod) for each in listed]
        return [*_facts_of_node(node), *sorted({_whose(each) for each in pods if each.metadata.controller})]

    def neighbours(self, job: Job[DrainNode]) -> list[str]:
        """All workloads of the cluster: what is moved takes room from others."""
        return well(job.cluster)

    def is_begun(self, job: Job[DrainNode]) -> bool:
        """Our cordon is on the node."""
        return CORDONED in (self.target(job)["metadata"].get("annotations") or {})

    def simulate(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Where each pod could go, and what the taint would do."""
        node = self.target(job)
        planned = plan(job.parameters, job.cluster, job.watch)
        return _answer(job, node, planned, None)

    def execute(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Cordon, evict, and let go of what a dead kubelet holds."""
        order, cluster = job.parameters, job.cluster
        watch = job.watch.within(order.deadline_seconds)
        with cluster.turn(watch):  # another drain must see our cordon before it counts the same room
            node = self.target(job)
            if order.only_lost and is_true(node, "Ready"):
                raise RepairRefusedError(f"{order.node} is Ready by now: it came back, and its pods run")
            planned = plan(order, cluster, watch)
            _refuse_unless_feasible(order, node, planned)
            job.go_on()
            until_unchanged(lambda: cordon(cluster, order.node))
        course = Course(order, planned, cluster, watch)
        course.run()
        return _answer(job, cluster.node(order.node), planned, course)

    def roll_back(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Take our marks off the node."""
        name, cluster = job.parameters.node, job.cluster
        cluster.node(name)
        until_unchanged(lambda: restore(cluster, name))
        nothing = Plan(placements=[], refusals=[], protected=[], has_room=True)
        return _answer(job, cluster.node(name), nothing, None)


ENTRY = DrainNodePerformer()


def _facts_of_node(node: Document) -> list[str]:
    """A cordon or taint of ours is none: a drain that goes on finds it."""
    marks = node["metadata"].get("annotations") or {}
    cordoned = bool(node["spec"].get("unschedulable")) and CORDONED not in marks
    ready = next((each["status"] for each in node["status"].get("conditions") or () if each["type"] == "Ready"), "")
    return [f"node uid {node['metadata']['uid']}", f"Ready {ready}", f"cordoned by somebody else {cordoned}"]


def _whose(pod: SchedulingPod) -> str:
    owner = pod.metadata.controller
    return f"pods of {pod.metadata.namespace}/{owner.kind}/{owner.name}" if owner else ""


def must_move(pod: Document) -> bool:
    """Whether a drain would move a pod off its node."""
    return not why_stays(msgspec.convert(pod, SchedulingPod))


def _refuse_unless_feasible(order: DrainNode, node: Document, planned: Plan) -> None:
    if planned.refusals:
        raise RepairRefusedError("; ".join(planned.refusals))
    if planned.protected and not order.approved_by_person:
        raise RepairRefusedError(f"{'; '.join(planned.protected)}: a person must approve this repair")
    if not planned.has_room:
        raise RepairRefusedError(f"{order.node} is the only ready node: its pods have nowhere to go")
    for each in planned.placements:
        if each.decision == "forbidden":
            raise RepairRefusedError(f"{each.namespace}/{each.pod} must not be evicted: {each.why}")
        if each.decision == "no_room" and is_true(node, "Ready"):
            raise RepairRefusedError(
                f"{each.namespace}/{each.pod} has no room elsewhere, and runs where it is: {each.why}"
            )


def _answer(job: Job[DrainNode], node: Document, planned: Plan, course: Course | None) -> DrainNodeAnswer:
    order, placements = job.parameters, planned.placements
    state = state_of(node, job.cluster)
    taints = node["spec"].get("taints") or ()
    possible = not planned.refusals and all(each.decision in ("evict", "skip") for each in placements)
    return DrainNodeAnswer(
        node=order.node,
        mode=order.mode,
        ready=state.ready,
        not_ready_seconds=state.not_ready_seconds,
        placements=placements,
        feasible=course.told if course else possible,
        cordoned=bool(node["spec"].get("unschedulable")),
        tainted=any(each["key"] == OUT_OF_SERVICE for each in taints),
        workloads=_workloads(placements, job.cluster),
        refusals=planned.refusals,
        warnings=planned.protected,
        taint=course.taint if course else _taint_foreseen(job, node, planned),
        left=course.left() if course else [],
        moved=course.moved() if course else None,
        ended=course.ended if course else "",
    )


def _taint_foreseen(job: Job[DrainNode], node: Document, planned: Plan) -> str:
    """For a simulation: whether the taint would be set as things are now, and all that it would remove."""
    if job.parameters.mode == "restore" or is_true(node, "Ready"):
        return ""
    why = state_of(node, job.cluster).why_alive(job.parameters)
    return f"{f'not set now: {why}; ' if why else ''}{what_taint_removes(planned.placements)}"


def _workloads(placements: list[PodPlacement], cluster: Cluster) -> list[WorkloadRef]:
    """The workloads whose pods must move: a ReplicaSet's Deployment instead of itself."""
    owners = {
        (each.namespace, each.owner_kind, each.owner_name)
        for each in placements
        if each.decision != "skip" and each.owner_kind
    }
    return [
        WorkloadRef(kind=kind, namespace=namespace, name=name)
        for namespace, kind, name in sorted({_top(owner, cluster) for owner in owners})
    ]


def _top(owner: tuple[str, str, str], cluster: Cluster) -> tuple[str, str, str]:
    namespace, kind, name = owner
    if kind != "ReplicaSet":
        return owner
    found = cluster.api.find(f"/apis/apps/v1/namespaces/{namespace}/replicasets/{name}")
    above = msgspec.convert(found["metadata"], Metadata).controller if found else None
    return (namespace, above.kind, above.name) if above else owner
