"""Whether something else holds a workload to a source of its own: a live patch would be undone by it, or would hide the truth from it.

The marks are what the tools write: labels, annotations, owners and managed fields. A mark that nobody knows here but that says "a controller made this"
(an owner of a kind that Kubernetes does not ship, a server-side apply of the very field) counts as well: guilty until proven safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import FIELD_MANAGER
from aetherius.edge_agent.repair.cluster import Document

HELM: Final = "helm"
"""Acts only when somebody runs it: said, not refused."""
_BUILT_IN: Final = ("", "apps", "batch", "autoscaling", "policy", "extensions")
_PERSONS_TOOLS: Final = ("kubectl", FIELD_MANAGER)
"""Field managers that apply because somebody told them to."""
_CONTROLLERS: Final = {
    "argocd": "argocd",
    "argo-cd": "argocd",
    "kustomize-controller": "flux",
    "helm-controller": "flux",
    "fleetagent": "fleet",
    "configsync": "config sync",
    "kapp": "kapp",
    "crossplane": "crossplane",
}
"""Field managers, by how their names begin, that come back by themselves."""


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field that a repair would change, in words and as a path of managed fields."""

    field: str
    """Such as `memory limit of container app`."""
    old: str
    new: str
    path: tuple[str, ...] = ()
    """As `fieldsV1` nests it: `f:spec`, `f:template` ...; empty where nobody can own it."""

    def __str__(self) -> str:
        return f"{self.field} from {self.old or 'nothing'} to {self.new or 'nothing'}"


class Keeper(msgspec.Struct, frozen=True):
    """Who holds an object to a source."""

    tool: str
    app: str = ""
    """What the tool calls the source, where its marks tell."""

    def __str__(self) -> str:
        return f"{self.tool} ({self.app})" if self.app else self.tool


def managed_by(workload: Document) -> str:
    """The tool that keeps a workload as its source says, `helm`, or empty, by the marks that they leave."""
    keeper = keeper_of(workload)
    if keeper is not None:
        return keeper.tool
    labels, annotations = _marks(workload)
    by_helm = labels.get("app.kubernetes.io/managed-by") == "Helm" or "meta.helm.sh/release-name" in annotations
    return HELM if by_helm else ""


def keeper_of(workload: Document, changes: Sequence[FieldChange] = ()) -> Keeper | None:
    """Who would put the object back, or fight over one of these fields; None for nobody that leaves a mark."""
    labels, annotations = _marks(workload)
    for rule in _RULES:
        if (found := rule(labels, annotations)) is not None:
            return found
    return _owner(workload) or _known_writer(workload, labels) or _applier(workload, changes)


def refuse_reconciled(workload: Document, changes: Sequence[FieldChange] = ()) -> None:
    """Raise ``RepairRefusedError`` for an object that something would put back, with the change to make at its source."""
    keeper = keeper_of(workload, changes)
    if keeper is None:
        return
    metadata = workload["metadata"]
    where = f"{workload.get('kind', 'object')} {metadata.get('namespace', '')}/{metadata['name']}"
    what = "; ".join(str(each) for each in changes)
    wanted = f"change its source instead: in {where} {what}" if what else f"change its source instead ({where})"
    raise RepairRefusedError(f"{metadata['name']} is managed by {keeper}: {wanted}")


def _marks(workload: Document) -> tuple[dict[str, str], dict[str, str]]:
    metadata = workload["metadata"]
    return metadata.get("labels") or {}, metadata.get("annotations") or {}


_Rule = Callable[[dict[str, str], dict[str, str]], Keeper | None]


def _argo(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    tracked = annotations.get("argocd.argoproj.io/tracking-id", "")
    app = tracked.partition(":")[0] or labels.get("argocd.argoproj.io/instance", "")
    return Keeper("argocd", app) if app or _any(annotations, "argocd.argoproj.io/") else None


def _flux(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    for kind in ("kustomize", "helm"):
        prefix = f"{kind}.toolkit.fluxcd.io"
        if name := labels.get(f"{prefix}/name"):
            space = labels.get(f"{prefix}/namespace", "")
            return Keeper("flux", f"{kind} {space}/{name}" if space else f"{kind} {name}")
    if antecedent := annotations.get("helm.fluxcd.io/antecedent"):
        return Keeper("flux", antecedent)
    return Keeper("flux") if any("fluxcd.io/" in key for key in (*labels, *annotations)) else None


def _fleet(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    bundle = annotations.get("fleet.cattle.io/bundle-id") or labels.get("fleet.cattle.io/bundle-id", "")
    applied = annotations.get("objectset.rio.cattle.io/id", "")
    marked = _any(labels, "objectset.rio.cattle.io/") or _any(annotations, "fleet.cattle.io/")
    return Keeper("fleet", bundle or applied) if bundle or applied or marked else None


def _config_sync(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    switch = annotations.get("configmanagement.gke.io/managed")
    if switch == "disabled":
        return None
    source = annotations.get("configsync.gke.io/manager") or annotations.get("configmanagement.gke.io/source-path", "")
    marked = switch is not None or _any(annotations, "configsync.gke.io/") or _any(labels, "configsync.gke.io/")
    return Keeper("config sync", source) if marked else None


def _olm(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    marked = "olm.owner" in labels or labels.get("olm.managed") == "true"
    return Keeper("olm", labels.get("olm.owner", "")) if marked else None


def _kapp(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    app = labels.get("kapp.k14s.io/app", "")
    return Keeper("kapp", app) if app or _any(annotations, "kapp.k14s.io/") else None


def _crossplane(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    name = labels.get("crossplane.io/claim-name") or labels.get("crossplane.io/composite", "")
    return Keeper("crossplane", name) if name or _any(annotations, "crossplane.io/") else None


def _addons(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    """`EnsureExists` only makes what is missing: what is there stays as somebody left it."""
    mode = labels.get("addonmanager.kubernetes.io/mode", "")
    old = "" if mode else labels.get("kubernetes.io/cluster-service", "")
    return Keeper("addon-manager") if mode == "Reconcile" or old == "true" else None


def _rollouts(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    marked = _any(annotations, "rollout.argoproj.io/") or "rollouts-pod-template-hash" in labels
    return Keeper("argo rollouts") if marked else None


def _operator(labels: dict[str, str], annotations: dict[str, str]) -> Keeper | None:
    """A label that names an operator as the manager of the object."""
    manager = labels.get("app.kubernetes.io/managed-by", "")
    active = ("operator", "controller", "argocd", "flux", "fleet", "olm", "flagger", "crossplane", "configmanagement")
    return Keeper(manager) if any(word in manager.lower() for word in active) else None


_RULES: Final[tuple[_Rule, ...]] = (
    _argo, _flux, _fleet, _config_sync, _olm, _kapp, _crossplane, _addons, _rollouts, _operator,
)  # fmt: skip


def _any(marks: dict[str, str], prefix: str) -> bool:
    return any(key.startswith(prefix) for key in marks)


def _owner(workload: Document) -> Keeper | None:
    """A controller of any kind, or an owner of a kind that Kubernetes does not ship: a Canary, a Rollout, a claim, an operator's own."""
    for owner in workload["metadata"].get("ownerReferences") or ():
        group = str(owner.get("apiVersion", "")).rpartition("/")[0]
        if owner.get("controller") or group not in _BUILT_IN:
            return Keeper(f"{owner.get('kind', 'its owner')} {owner.get('name', '')}".strip(), group)
    return None


def _known_writer(workload: Document, labels: dict[str, str]) -> Keeper | None:
    """A manager of any of its fields that is known as a reconciler: argocd tracks by `app.kubernetes.io/instance` alone, by default."""
    for entry in _entries(workload):
        name = str(entry.get("manager", "")).lower()
        for known, tool in _CONTROLLERS.items():
            if name.startswith(known) and entry.get("subresource") != "status":
                return Keeper(tool, labels.get("app.kubernetes.io/instance", ""))
    return None


def _applier(workload: Document, changes: Sequence[FieldChange]) -> Keeper | None:
    """Who applies, server-side, one of the fields: it would be told of a conflict, or take the field back."""
    for entry in _entries(workload):
        manager = str(entry.get("manager", ""))
        if entry.get("operation") != "Apply" or manager.lower().startswith(_PERSONS_TOOLS):
            continue
        if any(each.path and _owns(entry.get("fieldsV1") or {}, each.path) for each in changes):
            return Keeper(manager, "server-side apply")
    return None


def _entries(workload: Document) -> Iterator[Document]:
    yield from workload["metadata"].get("managedFields") or ()


def _owns(tree: Any, path: tuple[str, ...]) -> bool:
    """Whether a tree of managed fields has the path, or owns something above it as a whole."""
    for step in path:
        if not isinstance(tree, dict) or not tree:
            return False
        if step not in tree:
            return False
        tree = tree[step]
        if tree == {}:
            return True
    return True
