"""get and list: selectors, pages, and the form the client accepts."""

from __future__ import annotations

import base64
import json
from datetime import datetime

from aetherius.simulator.api.query import Options, Target
from aetherius.simulator.api.tables import table
from aetherius.simulator.documents import Document, name_of, namespace_of
from aetherius.simulator.errors import ApiError, bad_request, expired
from aetherius.simulator.kinds import Kind
from aetherius.simulator.object_store import ObjectStore
from aetherius.simulator.selectors import Predicate, field_selector, label_selector


def wants_table(accept: str) -> bool:
    """Whether the client prefers a Table."""
    return "as=Table" in accept.split(",")[0]


def chosen(target: Target, options: Options) -> Predicate:
    """Which documents the request is about, by namespace, name and selectors; raises `ApiError` 400."""
    labels = label_selector(options.text("labelSelector"))
    fields = field_selector(target.kind, options.text("fieldSelector"))

    def fits(document: Document) -> bool:
        here = not target.namespace or namespace_of(document) == target.namespace
        named = not target.name or name_of(document) == target.name
        return here and named and labels(document) and fields(document)

    return fits


def listed(store: ObjectStore, target: Target, options: Options, accept: str, now: datetime) -> Document:
    """A list (or Table) at the present revision; raises `ApiError` 400, 410, 504."""
    _check_revision(store, options)
    fits = chosen(target, options)
    documents = [document for document in store.all(target.kind, target.namespace) if fits(document)]
    documents, metadata = _page(store, documents, options)
    if wants_table(accept):
        return table(target.kind, documents, metadata, now, options.text("includeObject") or "Metadata")
    return list_of(target.kind, documents, metadata)


def list_of(kind: Kind, documents: list[Document], metadata: Document) -> Document:
    """Documents as the list of their kind."""
    return {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata, "items": documents}


def got(store: ObjectStore, target: Target, options: Options, accept: str, now: datetime) -> Document:
    """One object (or a Table of it); raises `ApiError` 404."""
    document = store.get(target.kind, target.namespace, target.name)
    if wants_table(accept):
        return table(
            target.kind, [document], {"resourceVersion": str(store.revision)}, now, options.text("includeObject")
        )
    return document


def _check_revision(store: ObjectStore, options: Options) -> None:
    asked = options.revision()
    if asked is not None and asked > store.revision:
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        message = f"Too large resource version: {asked}, current: {store.revision}"
        raise ApiError(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1})


def _page(store: ObjectStore, documents: list[Document], options: Options) -> tuple[list[Document], Document]:
    revision, after = store.revision, None
    if token := options.text("continue"):
        revision, after = _read_token(token)
        if revision < store.oldest:
            raise expired(revision, store.oldest)
        documents = [document for document in documents if (namespace_of(document), name_of(document)) > after]
    metadata: Document = {"resourceVersion": str(revision)}
    limit = options.number("limit")
    if not limit or len(documents) <= limit:
        return documents, metadata
    last = documents[limit - 1]
    metadata["continue"] = _token(revision, namespace_of(last), name_of(last))
    metadata["remainingItemCount"] = len(documents) - limit
    return documents[:limit], metadata


def _token(revision: int, namespace: str, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([revision, namespace, name]).encode()).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        revision, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except ValueError as exc:
        raise bad_request("continue key is not valid") from exc
