"""What the API server does to an object before it is stored: defaults, and the rules that refuse it.

Only the rules that a client of ours meets are here; a document that passes may still be refused by a real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aetherius.simulator.cluster import namespace_document
from aetherius.simulator.documents import Document, digest, labels_of, name_of
from aetherius.simulator.errors import bad_request, invalid
from aetherius.simulator.kinds import (
    BUDGET,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)  # fmt: skip
from aetherius.simulator.quantities import integer_or_percent, quantity
from aetherius.simulator.selectors import object_selector
from aetherius.simulator.settings import SimulatorSettings

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
_ABSENT = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_WORKLOADS = (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET)


def admit_new(kind: Kind, document: Document, settings: SimulatorSettings) -> Document:
    """Fill in the defaults of a new object and check it; raises `ApiError` 422. Changes `document` itself."""
    _check_name(kind, document)
    if kind is NAMESPACE:
        fresh = namespace_document(name_of(document))
        document["metadata"]["labels"] = labels_of(document) | fresh["metadata"]["labels"]
        document |= {"spec": fresh["spec"], "status": fresh["status"]}
    elif kind is NODE:
        document.setdefault("spec", {})
    elif kind is SECRET:
        document.setdefault("type", "Opaque")
    elif kind is not CONFIG_MAP and kind in _DEFAULTS:
        document["status"] = {}
    _default(kind, document, settings)
    _check(kind, document)
    return document


def admit_change(kind: Kind, old: Document, new: Document, settings: SimulatorSettings) -> Document:
    """Fill in defaults and check a change of the spec; raises `ApiError` 422. Changes `new` itself."""
    for field in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
        new["metadata"].pop(field, None)
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
    _default(kind, new, settings)
    _check(kind, new)
    if kind in _WORKLOADS and new["spec"]["selector"] != old["spec"]["selector"]:
        raise invalid(
            kind.name, name_of(new), "spec.selector", f"Invalid value: {new['spec']['selector']}: field is immutable"
        )
    if kind is POD and _frozen(new) != _frozen(old):
        rule = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)"
        )
        raise invalid(kind.name, name_of(new), "spec", rule, "FieldValueForbidden")
    return new


def _frozen(pod: Document) -> Document:
    """The part of a pod's spec that may not change."""
    spec = {key: value for key, value in pod["spec"].items() if key not in ("tolerations", "activeDeadlineSeconds")}
    spec["containers"] = [{k: v for k, v in c.items() if k != "image"} for c in spec["containers"]]
    return spec


def _check_name(kind: Kind, document: Document) -> None:
    name = name_of(document)
    if not _NAME.match(name):
        rule = f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or "."'
        raise invalid(kind.name, name, "metadata.name", rule)


def _default(kind: Kind, document: Document, settings: SimulatorSettings) -> None:
    fill = _DEFAULTS.get(kind)
    if fill is None:
        return
    if not isinstance(document.setdefault("spec", {}), dict):
        raise bad_request(f"{kind.name}.spec: expected an object")
    try:
        fill(document, settings)
    except (KeyError, TypeError, AttributeError) as exc:
        raise bad_request(f"{kind.name} in version {kind.version!r} cannot be handled: malformed field {exc}") from exc


def _default_pod_spec(spec: Document) -> None:
    for key, value in _POD_DEFAULTS.items():
        spec.setdefault(key, value)
    for container in spec.get("containers") or []:
        image = str(container.get("image", ""))
        latest = ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest")
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        container.setdefault("resources", {})
        for key, value in (container["resources"].get("limits") or {}).items():
            container["resources"].setdefault("requests", {}).setdefault(key, value)
        for port in container.get("ports") or []:
            port.setdefault("protocol", "TCP")
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")


_POD_DEFAULTS: Document = {
    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler", "securityContext": {},
}  # fmt: skip


def _default_pod(pod: Document, settings: SimulatorSettings) -> None:
    spec = pod["spec"]
    _default_pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    tolerations = spec.setdefault("tolerations", [])
    for key in _ABSENT:
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in tolerations):
            seconds = settings.toleration_seconds
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds})
    status = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", _quality(spec))


def _quality(spec: Document) -> str:
    resources = [container["resources"] for container in spec.get("containers") or []]
    if not any(r.get("limits") or r.get("requests") for r in resources):
        return "BestEffort"
    whole = all({"cpu", "memory"} <= set(r.get("limits") or {}) and r["limits"] == r.get("requests") for r in resources)
    return "Guaranteed" if whole else "Burstable"


def _default_template(document: Document, settings: SimulatorSettings) -> None:
    spec = document["spec"]
    spec.setdefault("replicas", 1)
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _default_pod_spec(template.setdefault("spec", {}))


def _default_deployment(document: Document, settings: SimulatorSettings) -> None:
    _default_template(document, settings)
    spec = document["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")


def _default_service(document: Document, settings: SimulatorSettings) -> None:
    number = int.from_bytes(digest(name_of(document), 4).encode()) % 250 + 2
    for key, value in {"type": "ClusterIP", "clusterIP": f"10.96.0.{number}", "sessionAffinity": "None"}.items():
        document["spec"].setdefault(key, value)
    for port in document["spec"].get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


_DEFAULTS: dict[Kind, Callable[[Document, SimulatorSettings], None]] = {
    POD: _default_pod,
    DEPLOYMENT: _default_deployment,
    REPLICA_SET: _default_template,
    STATEFUL_SET: _default_template,
    DAEMON_SET: lambda document, settings: document["spec"].setdefault("template", {}),
    SERVICE: _default_service,
    BUDGET: lambda document, settings: None,
}


def _check(kind: Kind, document: Document) -> None:
    name = name_of(document)
    try:
        if kind is POD:
            _check_pod_spec(kind, name, document["spec"], "spec")
        elif kind in _WORKLOADS:
            _check_workload(kind, name, document["spec"])
        elif kind is CONFIG_MAP:
            _check_config_map(name, document)
        elif kind is BUDGET:
            _check_budget(name, document["spec"])
    except (TypeError, AttributeError) as exc:
        raise bad_request(f"{kind.name} {name!r} cannot be handled: {exc}") from exc


def _check_workload(kind: Kind, name: str, spec: Document) -> None:
    replicas = spec.get("replicas", 1)
    if not isinstance(replicas, int):
        raise bad_request(f"{kind.name}.spec.replicas: expected a number, got {replicas!r}")
    if replicas < 0:
        raise invalid(
            kind.name, name, "spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0"
        )
    if not spec.get("selector"):
        raise invalid(kind.name, name, "spec.selector", "Required value", "FieldValueRequired")
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if not object_selector(spec["selector"])(labels):
        rule = f"Invalid value: {labels}: `selector` does not match template `labels`"
        raise invalid(kind.name, name, "spec.template.metadata.labels", rule)
    _check_pod_spec(kind, name, spec["template"]["spec"], "spec.template.spec")
    if kind is DEPLOYMENT:
        _check_strategy(name, spec["strategy"])


def _check_strategy(name: str, strategy: Document) -> None:
    if strategy["type"] not in ("RollingUpdate", "Recreate"):
        rule = f'Unsupported value: "{strategy["type"]}": supported values: "Recreate", "RollingUpdate"'
        raise invalid("Deployment", name, "spec.strategy.type", rule, "FieldValueNotSupported")
    for field, value in (strategy.get("rollingUpdate") or {}).items():
        try:
            integer_or_percent(value, 100, round_up=True)
        except ValueError as exc:
            raise invalid("Deployment", name, f"spec.strategy.rollingUpdate.{field}", f"Invalid value: {exc}") from exc


def _check_pod_spec(kind: Kind, name: str, spec: Document, path: str) -> None:
    containers = spec.get("containers")
    if not containers:
        raise invalid(kind.name, name, f"{path}.containers", "Required value", "FieldValueRequired")
    for at, container in enumerate(containers):
        for field in ("name", "image"):
            if not container.get(field):
                place = f"{path}.containers[{at}].{field}"
                raise invalid(kind.name, name, place, "Required value", "FieldValueRequired")
        _check_resources(kind, name, container.get("resources") or {}, f"{path}.containers[{at}].resources")


def _check_resources(kind: Kind, name: str, resources: Document, path: str) -> None:
    amounts = {
        (part, key): _amount(value, f"{path}.{part}[{key}]")
        for part in ("limits", "requests")
        for key, value in (resources.get(part) or {}).items()
    }
    for (part, key), amount in amounts.items():
        limit = amounts.get(("limits", key))
        if amount < 0:
            rule = f'Invalid value: "{resources[part][key]}": must be greater than or equal to 0'
            raise invalid(kind.name, name, f"{path}.{part}[{key}]", rule)
        if part == "requests" and limit is not None and amount > limit:
            rule = f'Invalid value: "{resources[part][key]}": must be less than or equal to {key} limit of {resources["limits"][key]}'
            raise invalid(kind.name, name, f"{path}.requests", rule)


def _amount(value: Any, path: str) -> Decimal:
    try:
        return quantity(value)
    except ValueError as exc:  # a real server fails to decode it, too: 400, not 422
        raise bad_request(f"{path}: {exc}") from exc


def _check_config_map(name: str, document: Document) -> None:
    for key, value in (document.get("data") or {}).items():
        if not isinstance(value, str):
            raise bad_request(f"ConfigMap {name!r}: data.{key}: expected a string, got {type(value).__name__}")


def _check_budget(name: str, spec: Document) -> None:
    if "minAvailable" in spec and "maxUnavailable" in spec:
        rule = "Invalid value: minAvailable and maxUnavailable cannot be both set"
        raise invalid("PodDisruptionBudget", name, "spec", rule)
