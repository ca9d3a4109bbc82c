"""Rules that every repair keeps, by construction: each runs on every entry there is, and an entry without a case, or without a part, fails."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from aetherius.domain.repair.action import APPROVED, Approval, Circumstances, Phase, Repair
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import connect
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performer import Performer
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.repair.protection import refuse_protected
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe
from fake_cluster import FakeApi, a_workload, cluster_of
from repair_cases import CASES, RepairCase
from simulated_cluster import SimulatedCluster

REPAIRS = {entry.name: entry for entry in shipped_actions().choices.values() if entry.on_cluster}
PERFORMERS = shipped_performers()
PROTECTED = {"aetherius.io/protected": "true"}


@pytest.fixture(params=sorted(REPAIRS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def entry(name: str) -> Repair[Any]:
    return REPAIRS[name]


@pytest.fixture
def case(name: str) -> RepairCase:
    assert name in CASES, "a repair without a case in tests/support/repair_cases.py: nobody knows whether it is safe"
    return CASES[name]


class Scene:
    """A case in memory."""

    def __init__(self, name: str, case: RepairCase, folder: Path) -> None:
        self._name, self._case = name, case
        self.api = FakeApi()
        self.api.put("/api/v1/namespaces/shop", {"metadata": {}})
        case.furnish(self.api)
        self._cluster = cluster_of(self.api, folder)

    @property
    def target(self) -> dict[str, Any]:
        return self.api.objects[self._case.target]

    def mark(self, **metadata: dict[str, str]) -> None:
        for key, marks in metadata.items():
            self.target["metadata"][key] = {**(self.target["metadata"].get(key) or {}), **marks}

    def act(self, mode: str = "execute", watch: Stopwatch | None = None, **more: Any) -> dict[str, Any]:
        typed = PERFORMERS.parse(self._name, {**self._case.parameters, "mode": mode, **more})
        done = PERFORMERS.perform(typed, "shop", self._cluster, watch or Stopwatch(10))
        return cast("dict[str, Any]", msgspec.json.decode(done))

    @property
    def is_untouched(self) -> bool:
        return not self.api.writes and not self.api.evicted


@pytest.fixture
def scene(name: str, case: RepairCase, tmp_path: Path) -> Scene:
    return Scene(name, case, tmp_path)


def test_there_is_a_case_for_each_and_no_other() -> None:
    assert set(CASES) == set(REPAIRS)


class TestParts:
    @pytest.mark.parametrize("part", ["simulate", "execute", "roll_back", "target"])
    def test_the_agent_has_each_part(self, name: str, part: str) -> None:
        performer = PERFORMERS.entry(name)
        assert getattr(type(performer), part) is not getattr(Performer, part), f"{name} has no {part}"

    @pytest.mark.parametrize("mode", ["simulate", "execute", "restore"])
    def test_each_mode_can_be_ordered(self, entry: Repair[Any], case: RepairCase, mode: str) -> None:
        parameters = entry.parse({**case.parameters, "mode": mode})
        assert entry.phase(parameters) is Phase(mode)

    def test_it_is_verified_by_a_look(self, entry: Repair[Any], case: RepairCase) -> None:
        order = entry.verification(entry.parse({**case.parameters, "mode": "execute"}), "", Patience())
        assert shipped_actions().parse(order.action, order.parameters).phase is Phase.VERIFY

    def test_it_is_undone_by_an_order_or_says_why_not(self, entry: Repair[Any], scene: Scene) -> None:
        outcome = entry.outcome(msgspec.json.encode(scene.act()).decode())
        assert outcome is not None
        assert bool(outcome.undo) != bool(entry.no_undo), "either an undo, or a reason for none"
        if outcome.undo:
            assert shipped_actions().parse(outcome.undo.action, outcome.undo.parameters).phase.changes

    def test_its_risk_is_never_none(self, entry: Repair[Any]) -> None:
        assert entry.risk(Circumstances(cause="unknown")).level is not RiskLevel.NONE

    def test_only_a_persons_approval_says_that_a_person_approved(self, entry: Repair[Any], case: RepairCase) -> None:
        forged = {**case.parameters, "mode": "execute", APPROVED: True, **dict.fromkeys(entry.spoken, True)}
        by_policy = entry.ordered(forged, Approval(by="system:policy", comment="\n".join(entry.spoken.values())))
        assert not {APPROVED, *entry.spoken} & set(by_policy.parameters)
        by_person = entry.ordered(case.parameters, Approval(by="user:ada"))
        assert by_person.parameters[APPROVED]
        assert entry.parse({"mode": "execute", **by_person.parameters})


class TestRules:
    def test_a_simulation_changes_nothing(self, scene: Scene) -> None:
        before = msgspec.json.encode(scene.api.objects)
        scene.act("simulate")
        assert msgspec.json.encode(scene.api.objects) == before
        assert scene.is_untouched

    def test_it_is_done_against_the_version_that_was_looked_at(self, scene: Scene) -> None:
        """Each write and each eviction names it: the cluster in memory takes no other."""
        scene.act()
        assert not scene.is_untouched

    def test_a_change_by_somebody_else_meanwhile_is_looked_at_again(self, scene: Scene) -> None:
        seen: list[str] = []

        def overtake(path: str, dry_run: bool) -> None:
            if not dry_run and not seen:
                seen.append(path)
                version = int(scene.api.objects[path]["metadata"]["resourceVersion"])
                scene.api.objects[path]["metadata"]["resourceVersion"] = str(version + 1)

        scene.api.on_patch = overtake
        scene.act()
        assert seen
        assert not scene.is_untouched

    def test_every_write_is_tried_as_a_dry_run_first(self, scene: Scene) -> None:
        asked: list[tuple[str, bool]] = []
        scene.api.on_patch = lambda path, dry_run: asked.append((path, dry_run))
        scene.act()
        for number, (path, dry_run) in enumerate(asked):
            assert dry_run or (path, True) in asked[:number]

    def test_a_repeat_changes_nothing_more(self, scene: Scene) -> None:
        scene.act()
        writes = len(scene.api.writes)
        scene.act()
        assert len(scene.api.writes) == writes

    def test_an_order_that_was_called_back_ends_soon_and_changes_nothing(self, scene: Scene) -> None:
        watch = Stopwatch(60)
        watch.cancel()
        started = time.monotonic()
        with pytest.raises(RepairRefusedError, match="called back"):
            scene.act(watch=watch)
        assert time.monotonic() - started < 5
        assert scene.is_untouched

    def test_one_that_is_called_back_at_the_last_moment_changes_nothing(self, scene: Scene) -> None:
        watch = Stopwatch(60)
        scene.api.on_patch = lambda path, dry_run: watch.cancel()
        with contextlib.suppress(RepairRefusedError):
            scene.act(watch=watch)
        assert not scene.api.evicted, "after the first mark nothing follows"
        assert len(scene.api.writes) <= 1


class TestPlan:
    """What a person says yes to is what is done."""

    def test_a_simulation_is_a_plan(self, entry: Repair[Any], scene: Scene) -> None:
        plan = entry.foreseen(msgspec.json.encode(scene.act("simulate")).decode())
        assert plan is not None
        assert plan.possible
        assert plan.told
        assert plan.diff, "before and after"
        assert plan.undo, "what takes it back, or why nothing does"
        assert plan.seen, "the facts that it stands on"

    def test_the_facts_are_those_of_the_moment(self, scene: Scene) -> None:
        assert scene.act("simulate")["seen"] == scene.act("simulate")["seen"]

    def test_it_is_done_while_they_hold(self, scene: Scene) -> None:
        seen = scene.act("simulate")["seen"]
        assert "outdated" not in scene.act(seen=seen, approved_by_person=True)
        assert not scene.is_untouched

    def test_it_is_not_done_once_the_object_is_another_one(self, scene: Scene) -> None:
        """Deleted and made anew under the same name."""
        seen = scene.act("simulate")["seen"]
        scene.target["metadata"]["uid"] = "another"
        with contextlib.suppress(RepairRefusedError):
            assert scene.act(seen=seen, approved_by_person=True)["outdated"]
        assert scene.is_untouched

    def test_it_is_not_done_where_nothing_was_seen(self, scene: Scene) -> None:
        assert scene.act(seen=["a dry run that passed"], approved_by_person=True)["outdated"]
        assert scene.is_untouched

    def test_an_order_that_comes_again_goes_on(self, scene: Scene) -> None:
        """The agent was killed between the change and its answer."""
        seen = scene.act("simulate")["seen"]
        scene.act(seen=seen, approved_by_person=True)
        writes = len(scene.api.writes)
        again = scene.act(seen=seen, approved_by_person=True)
        assert "outdated" not in again
        assert len(scene.api.writes) == writes

    def test_the_order_says_what_was_seen_and_takes_it_from_nobody_else(
        self, entry: Repair[Any], case: RepairCase
    ) -> None:
        forged = {**case.parameters, "mode": "execute", "seen": ["forged"]}
        assert "seen" not in entry.ordered(forged, Approval(by="user:ada")).parameters
        bound = entry.ordered(forged, Approval(by="user:ada"), ["uid 1"])
        assert bound.parameters["seen"] == ["uid 1"]
        assert entry.parse(bound.parameters)


class TestNeighbours:
    def test_the_verification_looks_at_those_that_were_well_before(self, entry: Repair[Any], scene: Scene) -> None:
        beside = a_workload("beside", status={"readyReplicas": 2})
        scene.api.put("/apis/apps/v1/namespaces/shop/deployments/beside", beside)
        output = msgspec.json.encode(scene.act()).decode()
        parameters = entry.parse({**CASES[entry.name].parameters, "mode": "execute"})
        order = entry.verification(parameters, output, Patience())
        assert order.parameters["neighbours"] == ["Deployment/shop/beside@1"]
        assert shipped_actions().parse(order.action, order.parameters)


class TestProtection:
    @pytest.mark.parametrize("where", ["object", "namespace"])
    def test_what_is_protected_is_refused_without_a_persons_yes(self, scene: Scene, where: str) -> None:
        if where == "object":
            scene.mark(annotations=PROTECTED)
        else:
            scene.api.objects["/api/v1/namespaces/shop"]["metadata"]["annotations"] = PROTECTED
        with pytest.raises(RepairRefusedError, match="a person must approve"):
            scene.act()
        assert scene.is_untouched
        scene.act(approved_by_person=True)
        assert not scene.is_untouched

    @pytest.mark.parametrize("where", ["kube-system", "kube-public", "kube-node-lease", "aetherius"])
    def test_so_are_the_clusters_own_namespaces_and_the_agents(self, where: str, tmp_path: Path) -> None:
        with pytest.raises(RepairRefusedError, match="a person must approve"):
            refuse_protected(cluster_of(FakeApi(), tmp_path), where, None, approved=False)

    def test_a_namespace_that_may_not_be_looked_at_counts_as_protected(self, scene: Scene) -> None:
        scene.api.forbidden.add("/api/v1/namespaces/shop")
        with pytest.raises(RepairRefusedError, match="cannot be seen"):
            scene.act()
        assert scene.is_untouched

    def test_what_somebody_else_keeps_is_refused(self, scene: Scene, case: RepairCase) -> None:
        scene.mark(**case.kept)
        with pytest.raises(RepairRefusedError, match=r"managed by|marked"):
            scene.act(approved_by_person=True)
        assert scene.is_untouched


class TestOnTheSimulator:
    @pytest.fixture
    def probe(self, simulated_cluster: SimulatedCluster) -> Any:
        probe = ClusterProbe(simulated_cluster.kubeconfig, "default")
        made = probe.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "safety-"}})[1]
        yield probe.within(made["metadata"]["name"])
        probe.kind("Namespace").delete(name=made["metadata"]["name"])
        probe.close()

    def test_a_simulation_changes_nothing(
        self, name: str, case: RepairCase, probe: ClusterProbe, tmp_path: Path
    ) -> None:
        parameters = {**case.on_simulator(probe), "mode": "simulate"}
        before = specs(probe)
        api = connect(probe.kubeconfig)
        cluster = Cluster(api, AvailableRevisions(Database(tmp_path / "agent.db")), proven_after=0.1)
        PERFORMERS.perform(PERFORMERS.parse(name, parameters), probe.namespace, cluster, Stopwatch(20))
        api.close()
        assert specs(probe) == before


def specs(probe: ClusterProbe) -> list[tuple[str, Any, Any]]:
    """All that is wanted, of nodes and of the namespace; what a status says goes on by itself."""
    found = [("Node", each) for each in probe.kind("Node").get().to_dict()["items"]]
    found += [(kind, each) for kind in ("Deployment", "ReplicaSet", "Pod") for each in probe.listed(kind)]
    return [(kind, each["spec"], each["metadata"].get("annotations")) for kind, each in found]
