"""One request as the API server reads it: the path's target, the query's options, the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from aetherius.simulator.documents import Document
from aetherius.simulator.errors import bad_request, invalid, no_such_path
from aetherius.simulator.kinds import BY_PATH, NAMESPACE, Kind
from aetherius.simulator.schema import protobuf


@dataclass(frozen=True)
class Target:
    """What a path names: a collection (`name` empty), an object, or its subresource."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target(path: str) -> Target:
    """Read a path such as `/apis/apps/v1/namespaces/shop/deployments/web/scale`; raises `ApiError` 404."""
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            return _target("", version, rest)
        case ["apis", group, version, *rest]:
            return _target(group, version, rest)
        case _:
            raise no_such_path()


def _target(group: str, version: str, rest: list[str]) -> Target:
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and (group or rest[2] not in NAMESPACE.subresources):
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    kind = BY_PATH.get((group, version, plural))
    if kind is None or len(rest) > 3 or (subresource and subresource not in kind.subresources):
        raise no_such_path()
    if bool(namespace) != kind.namespaced and (namespace or name):
        raise no_such_path()
    return Target(kind, namespace, name, subresource)


@dataclass(frozen=True)
class Options:
    """The query of a request, checked."""

    raw: Mapping[str, str]
    agent: str = ""
    """The client's User-Agent: its first word is the field manager where the query names none."""
    warnings: list[str] = field(default_factory=list)
    """What the answer warns of."""

    def manager(self) -> str:
        """Who is to own the fields that are written."""
        return self.text("fieldManager") or self.agent.partition("/")[0] or "unknown"

    def validation(self) -> str:
        """What becomes of fields that nobody knows: `Strict` refuses, `Warn` (the default) warns, `Ignore` leaves them out. Raises `ApiError` 422."""
        asked = self.text("fieldValidation") or "Warn"
        if asked not in ("Strict", "Warn", "Ignore"):
            rule = f'Unsupported value: "{asked}": supported values: "Ignore", "Strict", "Warn"'
            raise invalid("Options", "", "fieldValidation", rule, "FieldValueNotSupported")
        return asked

    def text(self, key: str) -> str:
        """An option as it stands; empty when absent."""
        return self.raw.get(key, "")

    def flag(self, key: str) -> bool:
        """A boolean option."""
        return self.raw.get(key, "").lower() in ("true", "1")

    def number(self, key: str) -> int | None:
        """A numeric option; raises `ApiError` 400."""
        text = self.raw.get(key, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError as exc:
            raise bad_request(f"{key}: strconv.ParseInt: parsing {text!r}: invalid syntax") from exc

    def revision(self) -> int | None:
        """resourceVersion; raises `ApiError` 400."""
        return self.number("resourceVersion")

    def dry_run(self, body: Document | None = None) -> bool:
        """Whether nothing may be stored; `All` is the only value that is understood. Raises `ApiError` 422."""
        asked = [self.text("dryRun")] if self.text("dryRun") else list((body or {}).get("dryRun") or [])
        if asked and asked != ["All"]:
            raise invalid(
                "Options",
                "",
                "dryRun",
                f'Unsupported value: {asked}: supported values: "All"',
                "FieldValueNotSupported",
            )
        return bool(asked)


def parsed(raw: bytes) -> Any:
    """The JSON of a body; raises `ApiError` 400."""
    try:
        return json.loads(raw or b"{}")
    except ValueError as exc:
        raise bad_request(f"couldn't get version/kind; json parse error: {exc}") from exc


def parsed_yaml(raw: bytes) -> Any:
    """The YAML (or JSON) of a body; raises `ApiError` 400."""
    try:
        return YAML(typ="safe", pure=True).load(raw)
    except YAMLError as exc:
        raise bad_request(f"error decoding YAML: {exc}") from exc


def decoded(raw: bytes, kind: Kind | None = None) -> Document:
    """The object of a body in JSON or protobuf, of the kind that is expected (where it names one); raises `ApiError` 400, 415."""
    return object_of(protobuf.decoded(raw) if raw.startswith(protobuf.MAGIC) else parsed(raw), kind)


def object_of(body: Any, kind: Kind | None = None) -> Document:
    """A body that must be an object, of the kind that is expected; raises `ApiError` 400."""
    if not isinstance(body, dict) or not isinstance(body.get("metadata") or {}, dict):
        raise bad_request("the body is not a Kubernetes object")
    if kind is not None:
        _check_kind(body, kind)
    return body


def _check_kind(body: Document, kind: Kind) -> None:
    for key, want in (("kind", kind.name), ("apiVersion", kind.api_version)):
        if body.get(key) not in (None, "", want):
            raise bad_request(f"{key} in the body is {body[key]!r}: this path takes {want!r}")
