"""The cluster of a case: its objects as they are at a moment, read as the API server would give them.

What the case does not show cannot be seen, which is another thing than that it does not exist: only what the case deleted is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

import msgspec

from aetherius.cli.case.lines import CaseLine
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_api import KubernetesApi, ListPage, PatchType
from aetherius.simulator.selectors import label_selector

Document = dict[str, Any]
_GROUPS: Final = {"api": 2, "apis": 3}
"""How many words of a path come before `namespaces`, or before the kind of what lies in none."""


class CaseApi(KubernetesApi):
    """Reads only. Raises ``ClusterRefusedError`` for all that the case does not show, and for every write."""

    def __init__(self, lines: Iterable[CaseLine]) -> None:
        self._present: dict[tuple[str, str, str], Document] = {}
        self._gone: set[tuple[str, str, str]] = set()
        self._later: dict[tuple[str, str, str], Document] = {}
        self._now = ""
        for line in lines:
            if not line.deleted:
                self._later.setdefault(_key(line.document), line.document)

    def close(self) -> None:
        """Nothing is open."""

    def apply(self, line: CaseLine) -> None:
        """It happens."""
        key = _key(line.document)
        self._now = line.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._later.pop(key, None)
        if line.deleted:
            self._present.pop(key, None)
            self._gone.add(key)
        else:
            self._gone.discard(key)
            self._present[key] = line.document

    def of(self, kind: str, namespace: str, name: str) -> Document | None:
        """An object that the case shows now, by its kind in lower case; None where nobody can see it."""
        return self._present.get((kind, namespace, name))

    def events_about(self, kind: str, name: str) -> Iterator[Document]:
        """The events of an object."""
        for event in self._present.values():
            about = event.get("involvedObject") or {}
            if event["kind"] == "Event" and (about.get("kind"), about.get("name")) == (kind, name):
                yield event

    def get(self, path: str, **query: Any) -> Document:
        kind, namespace, name = _place(path)
        if not name:
            return {"items": self.list(path, **query)}
        key = (kind, namespace, name)
        if key in self._gone:
            raise ClusterRefusedError(f"GET {path}", 404, "NotFound", "the case deleted it")
        return self._present.get(key) or self._before_it_is_shown(key) or _unseen(path)

    def _before_it_is_shown(self, key: tuple[str, str, str]) -> Document | None:
        """What a watch shows later was there before, if it was made before; events are not looked for."""
        found = self._later.get(key)
        if found is None or key[0] == "event":
            return None
        made = found["metadata"].get("creationTimestamp")
        if key[0] == "configmap" and isinstance(made, str) and made > self._now:
            raise ClusterRefusedError("GET", 404, "NotFound", "it is made later")
        return found if key[0] != "pod" or (isinstance(made, str) and made <= self._now) else None

    def exists(self, path: str) -> bool:
        return self.metadata(path) is not None

    def metadata(self, path: str) -> Document | None:
        """As the server gives it, with its record of who wrote which field. An agent has no right to secrets, whatever the case shows of them."""
        if _place(path)[0] == "secret":
            raise ClusterRefusedError(path, 403, "Forbidden", "an agent may not look at secrets")
        found = self.find(path)
        return _recorded(found) if found else None

    def list(self, path: str, **query: Any) -> list[Document]:
        kind, namespace, _ = _place(path)
        if kind == "namespace":
            return [{"metadata": {"name": name}} for name in sorted({key[1] for key in self._present if key[1]})]
        found = [each for key, each in self._present.items() if key[0] == kind and namespace in ("", key[1])]
        if not found:
            _unseen(path)
        labels, fields = query.get("label_selector", ""), query.get("field_selector", "")
        return [each for each in found if _is_selected(each, labels) and _has_fields(each, fields)]

    def pages(self, path: str, **query: Any) -> Iterator[ListPage]:
        items = [msgspec.Raw(msgspec.json.encode(each)) for each in self.list(path, **query)]
        yield msgspec.convert({"metadata": {}, "items": items}, ListPage)

    def patch(
        self, path: str, body: Any, *, patch_type: PatchType = "merge", dry_run: bool = False, **query: Any
    ) -> Document:
        _unseen(path)

    def create(self, path: str, body: Any, *, dry_run: bool = False) -> Document:
        _unseen(path)


def _key(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"].lower(), str(metadata.get("namespace") or ""), metadata["name"]


def _place(path: str) -> tuple[str, str, str]:
    """Kind in lower case, namespace and name of a path; empty for what it does not name."""
    words = path.strip("/").split("/")
    rest = words[_GROUPS.get(words[0], 2) :]
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name = (*rest, "", "")[:2]
    return _singular(plural), namespace, name


def _singular(plural: str) -> str:
    if plural.endswith(("sses", "ches")):
        return plural.removesuffix("es")
    return plural.removesuffix("s")


def _recorded(document: Document) -> Document:
    """An object's metadata; where the case leaves the record of its fields out, with one of all that it has."""
    metadata = document["metadata"]
    if metadata.get("managedFields"):
        return dict(metadata)
    held: Document = {
        f"f:{part}": {f"f:{key}": {} for key in document.get(part) or {}} for part in ("data", "binaryData")
    }
    fields = {**held, **({"f:immutable": {}} if document.get("immutable") else {})}
    return {**metadata, "managedFields": [{"fieldsType": "FieldsV1", "fieldsV1": fields}]}


def _is_selected(document: Document, selector: str) -> bool:
    return not selector or label_selector(selector)(document)


def _has_fields(document: Document, selector: str) -> bool:
    wanted = (part.partition("=") for part in selector.split(",") if part)
    return all(_field(document, path.split(".")) == value for path, _, value in wanted)


def _field(value: object, path: list[str]) -> str:
    for word in path:
        value = value.get(word) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def _unseen(path: str) -> NoReturn:
    raise ClusterRefusedError(path, 503, "NotShown", "cannot be seen: the case does not show it")


def printed_json(document: Document) -> str:
    """As `kubectl get -o json` prints it."""
    return msgspec.json.format(msgspec.json.encode(document), indent=4).decode()
