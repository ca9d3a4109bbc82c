"""create, update, patch, delete and the writable subresources; with dryRun=All nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aetherius.simulator.admission import admit_change, admit_new
from aetherius.simulator.api.query import Options, Target
from aetherius.simulator.api.reading import chosen, list_of
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.deletion import delete
from aetherius.simulator.disruption import check_eviction
from aetherius.simulator.documents import Document, copied, is_going, name_of, stamp, suffix, uid_of
from aetherius.simulator.errors import ApiError, bad_request, conflict, invalid, not_found
from aetherius.simulator.field_sets import fields_of
from aetherius.simulator.json_patch import json_patch
from aetherius.simulator.kinds import NAMESPACE, POD
from aetherius.simulator.managed_fields import Owner, claim_applied, claim_changes, owned_part
from aetherius.simulator.patches import merge, strategic_merge
from aetherius.simulator.schema.reading import Reading
from aetherius.simulator.schema.shape import Shape, shape_of
from aetherius.simulator.server_side_apply import apply

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
Note = Callable[[Document], None]
"""Notes in a document who owns its fields."""


class Writer:
    """The writes of one cluster. Each method raises `ApiError` as a real server refuses."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    def create(self, target: Target, options: Options, body: Document) -> Document:
        """Create an object."""
        document = self._admitted(target, self._read(target, options, body))
        claim_changes(document, Owner(options.manager()), target.kind, self._cluster.clock())
        return self._created(target, options, document)

    def update(self, target: Target, options: Options, body: Document) -> Document:
        """Replace an object, or its status or scale."""
        old = self._store.get(target.kind, target.namespace, target.name)
        if target.subresource == "scale":
            return self._scale(target, options, body)
        return self._change(target, options, old, body)

    def patch(self, target: Target, options: Options, form: str, body: Any) -> Document:
        """Apply a merge, strategic merge or JSON patch."""
        old = self._store.get(target.kind, target.namespace, target.name)
        before = scale_of(old) if target.subresource == "scale" else old
        after = _patched(_shape(target), before, form, body)
        if target.subresource == "scale":
            return self._scale(target, options, after)
        return self._change(target, options, old, after)

    def apply(self, target: Target, options: Options, body: Document) -> tuple[Document, bool]:
        """Server-side apply: the object, and whether it is new."""
        if not options.text("fieldManager"):
            rule = "Required value: is required for apply patch"
            raise invalid("PatchOptions", "", "fieldManager", rule, "FieldValueRequired")
        wanted, old = self._read(target, options, body), self._store.find(target.kind, target.namespace, target.name)
        if (wanted.get("metadata") or {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        owner = Owner(options.manager(), "Apply", target.subresource)
        if old is None:
            return self._applied_anew(target, options, wanted, owner), True
        made = apply(_shape(target), old, wanted, owner, force=options.flag("force"))
        note = partial(claim_applied, owner=owner, kind=target.kind, now=self._cluster.clock())
        note = partial(note, applied=made.fields, forced=made.forced)
        return self._change(target, options, old, made.document, note), False

    def scale(self, target: Target) -> Document:
        """The Scale of a workload."""
        document = self._store.get(target.kind, target.namespace, target.name)
        return scale_of(document)

    def evict(self, target: Target, options: Options, body: Document) -> Document:
        """Evict a pod, if its budgets allow."""
        pod = self._store.get(POD, target.namespace, target.name)
        orders = body.get("deleteOptions") or {}
        self._check_preconditions(target, orders, pod)
        check_eviction(self._store, pod)
        if not options.dry_run(orders):
            with self._store.modify(POD, pod) as draft:
                _mark_disrupted(draft, self._cluster)
            delete(self._cluster, POD, pod, orders.get("gracePeriodSeconds"))
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    def delete(self, target: Target, options: Options, body: Document) -> Document:
        """Delete an object; a pod goes gracefully."""
        document = self._store.get(target.kind, target.namespace, target.name)
        self._check_preconditions(target, body, document)
        grace = body.get("gracePeriodSeconds", options.number("gracePeriodSeconds"))
        policy = body.get("propagationPolicy") or options.text("propagationPolicy")
        if not options.dry_run(body):
            delete(self._cluster, target.kind, document, grace, orphan=policy == "Orphan")
        left = self._store.find(target.kind, target.namespace, target.name)
        if left is not None:
            return left
        details = {"name": target.name, "kind": target.kind.plural, "uid": uid_of(document)}
        details |= {"group": target.kind.group} if target.kind.group else {}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def delete_collection(self, target: Target, options: Options, body: Document) -> Document:
        """Delete what the selectors choose."""
        fits = chosen(target, options)
        doomed = [document for document in self._store.all(target.kind, target.namespace) if fits(document)]
        for document in () if options.dry_run(body) else doomed:
            delete(self._cluster, target.kind, document, body.get("gracePeriodSeconds"))
        return list_of(target.kind, doomed, {"resourceVersion": str(self._store.revision)})

    def _admitted(self, target: Target, document: Document) -> Document:
        self._name(target, document)
        if target.kind.namespaced:
            self._check_namespace(target.namespace)
        return admit_new(target.kind, document, self._cluster.settings)

    def _created(self, target: Target, options: Options, document: Document) -> Document:
        if not options.dry_run():
            return self._store.create(target.kind, document)
        if self._store.find(target.kind, target.namespace, name_of(document)) is not None:
            raise ApiError(409, "AlreadyExists", f'{target.kind.qualified} "{name_of(document)}" already exists')
        return self._store.stamped(target.kind, document)

    def _applied_anew(self, target: Target, options: Options, wanted: Document, owner: Owner) -> Document:
        if target.subresource:
            raise not_found(target.kind.plural, target.kind.group, target.name)
        self._check_same("name", wanted.setdefault("metadata", {}).setdefault("name", target.name), target.name)
        fields = fields_of(_shape(target), owned_part(wanted))
        document = self._admitted(target, wanted)
        claim_applied(document, owner, target.kind, self._cluster.clock(), fields, set())
        return self._created(target, options, document)

    def _read(self, target: Target, options: Options, document: Document, old: Document | None = None) -> Document:
        """The document without the fields that its type does not name; raises `ApiError` 400 where that is not wanted."""
        reading = Reading(_shape(target), target.kind.name, document)
        if reading.unknown and old is not None:  # what was there before is nobody's mistake now
            reading.forgive(Reading(_shape(target), target.kind.name, old).unknown)
        if reading.unknown and options.validation() == "Strict":
            raise reading.refusal(target.kind.version)
        if options.validation() == "Warn":
            options.warnings.extend(f'unknown field "{path}"' for path in reading.unknown)
        return reading.document

    def _change(
        self, target: Target, options: Options, old: Document, new: Document, note: Note | None = None
    ) -> Document:
        """Store what is new, with a note in it of who owns that."""
        new = self._read(target, options, new, old)
        self._check_identity(target, old, new)
        draft = admit_change(target.kind, old, self._within_reach(target, old, new), self._cluster.settings)
        self._check_version(target, old, draft)
        if "managedFields" in old["metadata"]:
            draft["metadata"].setdefault("managedFields", old["metadata"]["managedFields"])
        owner = Owner(options.manager(), subresource=target.subresource)
        (note or partial(claim_changes, owner=owner, kind=target.kind, now=self._cluster.clock(), old=old))(draft)
        return draft if options.dry_run() else self._store.replace(target.kind, draft)

    def _within_reach(self, target: Target, old: Document, new: Document) -> Document:
        """The old object with what a request to this path may change: only the status, or all but the status."""
        draft = copied(old) if target.subresource == "status" else copied(new)
        if target.subresource == "status":
            draft["status"] = new.get("status") or {}
            draft["metadata"]["resourceVersion"] = new["metadata"].get("resourceVersion")
        elif target.kind.subresources and "status" in old:
            draft["status"] = old["status"]
        return draft | {"kind": old["kind"], "apiVersion": old["apiVersion"]}

    def _scale(self, target: Target, options: Options, scale: Document) -> Document:
        old = self._store.get(target.kind, target.namespace, target.name)
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        draft = copied(old)
        draft["spec"]["replicas"] = replicas
        return scale_of(self._change(Target(target.kind, target.namespace, target.name), options, old, draft))

    def _name(self, target: Target, document: Document) -> None:
        metadata: dict[str, Any] = document.setdefault("metadata", {})
        prefix = metadata.get("generateName")
        if not metadata.get("name"):
            if not prefix:
                raise invalid(
                    target.kind.name,
                    "",
                    "metadata.name",
                    "Required value: name or generateName is required",
                    "FieldValueRequired",
                )
            metadata["name"] = f"{prefix}{suffix()}"
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if target.kind.namespaced:
            self._check_same("namespace", metadata.setdefault("namespace", target.namespace), target.namespace)

    def _check_namespace(self, name: str) -> None:
        namespace = self._store.get(NAMESPACE, "", name)
        if is_going(namespace):
            message = f"unable to create new content in namespace {name} because it is being terminated"
            raise ApiError(
                403,
                "Forbidden",
                message,
                {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]},
            )

    def _check_identity(self, target: Target, old: Document, new: Document) -> None:
        metadata = new.get("metadata")
        if not isinstance(metadata, dict):
            raise bad_request("metadata: expected an object")
        self._check_same("name", metadata.setdefault("name", target.name), target.name)
        if target.namespace:
            self._check_same("namespace", metadata.setdefault("namespace", target.namespace), target.namespace)
        if metadata.get("uid", uid_of(old)) != uid_of(old):
            raise conflict(target.kind.qualified, target.name, _UID.format(metadata["uid"], uid_of(old)))

    def _check_same(self, field: str, told: str, path: str) -> None:
        if told != path:
            message = f"the {field} of the object ({told}) does not match the {field} on the request ({path})"
            raise bad_request(message)

    def _check_version(self, target: Target, old: Document, draft: Document) -> None:
        claimed = draft["metadata"].get("resourceVersion")
        if claimed and claimed != old["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(target.kind.qualified, target.name, why)
        draft["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]

    def _check_preconditions(self, target: Target, orders: Document, document: Document) -> None:
        wanted = orders.get("preconditions") or {}
        if wanted.get("uid") not in (None, uid_of(document)):
            raise conflict(target.kind.qualified, target.name, _UID.format(wanted["uid"], uid_of(document)))
        if wanted.get("resourceVersion") not in (None, document["metadata"]["resourceVersion"]):
            raise conflict(target.kind.qualified, target.name, "the ResourceVersion in the precondition does not match")


_UID = "Precondition failed: UID in precondition: {}, UID in object meta: {}"


def scale_of(document: Document) -> Document:
    """The Scale of a workload document."""
    keep = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = ",".join(f"{k}={v}" for k, v in sorted((document["spec"]["selector"].get("matchLabels") or {}).items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: document["metadata"][key] for key in keep if key in document["metadata"]},
        "spec": {"replicas": document["spec"].get("replicas", 1)},
        "status": {"replicas": (document.get("status") or {}).get("replicas", 0), "selector": selector},
    }


def _shape(target: Target) -> Shape:
    return shape_of(target.kind.api_version, target.kind.name)


def _patched(shape: Shape, document: Document, form: str, body: Any) -> Document:
    if form == JSON and isinstance(body, list):
        return json_patch(document, body)
    ways: dict[str, Callable[[Any, Any], Any]] = {MERGE: merge, STRATEGIC: partial(strategic_merge, shape)}
    change = ways.get(form)
    if change is None:
        accepted = f"{JSON}, {MERGE}, {STRATEGIC}, {APPLY}"
        message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        raise ApiError(415, "UnsupportedMediaType", message)
    if not isinstance(body, dict) or not isinstance(patched := change(document, body), dict):
        raise bad_request("the body is not a patch of this form")
    return patched


def _mark_disrupted(pod: Document, cluster: Cluster) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    told = {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
    conditions.append(
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": stamp(cluster.clock())} | told
    )
