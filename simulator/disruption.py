"""Pod disruption budgets: what they allow, and the eviction that asks them."""

from __future__ import annotations

from typing import Any

from aetherius.simulator.documents import Document, is_condition, is_going, labels_of, name_of, namespace_of
from aetherius.simulator.errors import ApiError
from aetherius.simulator.kinds import BUDGET, DEPLOYMENT, POD, REPLICA_SET
from aetherius.simulator.object_store import ObjectStore
from aetherius.simulator.quantities import integer_or_percent
from aetherius.simulator.selectors import object_selector


def budget_status(store: ObjectStore, budget: Document) -> Document:
    """The status that a budget should have now."""
    spec, pods = budget["spec"], _pods(store, budget)
    healthy = sum(is_condition(pod, "Ready") and not is_going(pod) for pod in pods)
    expected = _expected(store, pods)
    if "maxUnavailable" in spec:
        desired = max(0, expected - integer_or_percent(spec["maxUnavailable"], expected, round_up=True))
    else:
        desired = integer_or_percent(spec.get("minAvailable", 1), expected, round_up=True)
    allowed = max(0, healthy - desired) if expected else 0
    counts = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
    }
    reason = "SufficientPods" if allowed else "InsufficientPods"
    old = next(iter((budget.get("status") or {}).get("conditions") or []), None)
    status = "True" if allowed else "False"
    since = old["lastTransitionTime"] if old and old["status"] == status else budget["metadata"]["creationTimestamp"]
    state = {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": since,
    }
    return counts | {"observedGeneration": budget["metadata"]["generation"], "conditions": [state]}


def check_eviction(store: ObjectStore, pod: Document) -> None:
    """Ask every budget of the pod; raises `ApiError` 429 with the cause DisruptionBudget, 500 for several budgets.

    Budgets are counted afresh, so that two evictions in a row cannot both use the last allowed disruption.
    """
    if is_going(pod) or pod["status"].get("phase") in ("Succeeded", "Failed", "Pending"):
        return
    budgets = [
        b for b in store.all(BUDGET, namespace_of(pod)) if object_selector(b["spec"].get("selector"))(labels_of(pod))
    ]
    if len(budgets) > 1:
        why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "InternalError", why)
    for budget in budgets:
        status = budget_status(store, budget)
        spare = not is_condition(pod, "Ready") and status["currentHealthy"] >= status["desiredHealthy"] > 0
        if status["disruptionsAllowed"] <= 0 and not spare:
            raise _refusal(budget, status)


def _refusal(budget: Document, status: Document) -> ApiError:
    name = name_of(budget)
    needs, has = status["desiredHealthy"], status["currentHealthy"]
    cause = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
    details: dict[str, Any] = {"causes": [{"reason": "DisruptionBudget", "message": cause}]}
    return ApiError(
        429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", details
    )


def _pods(store: ObjectStore, budget: Document) -> list[Document]:
    fits = object_selector(budget["spec"].get("selector"))
    pods = [pod for pod in store.all(POD, namespace_of(budget)) if fits(labels_of(pod))]
    return [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]


def _expected(store: ObjectStore, pods: list[Document]) -> int:
    """The replicas of the workloads behind the pods; a pod without one counts itself."""
    wanted: dict[str, int] = {}
    for pod in pods:
        uid, count = _root_scale(store, pod)
        wanted[uid] = count
    return sum(wanted.values())


def _root_scale(store: ObjectStore, pod: Document) -> tuple[str, int]:
    document, count = pod, 1
    for kind in (REPLICA_SET, DEPLOYMENT):
        for ref in document["metadata"].get("ownerReferences") or []:
            owner = store.find(kind, namespace_of(pod), ref["name"])
            if owner is not None and owner["metadata"]["uid"] == ref["uid"]:
                document, count = owner, owner["spec"].get("replicas", 1)
    return document["metadata"]["uid"], count
