"""Writes simulator/schema/types.json and messages.binpb anew, from the sources of the Kubernetes version that module/go.mod pins.

What the simulator serves and what that reaches is kept, with the rules for merging; descriptions are left out. `schemas.sh` calls this.
usage: schemas.py KUBERNETES API APIMACHINERY TARGET   (folders of the three Go modules, and where to write)
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

ROOTS = {
    "apis__apps__v1": ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
    "api__v1": ["ConfigMap", "Event", "Namespace", "Node", "Pod", "Secret", "Service"],
    "apis__policy__v1": ["PodDisruptionBudget", "Eviction"],
    "apis__coordination.k8s.io__v1": ["Lease"],
    "apis__autoscaling__v1": ["Scale"],
    "apis__authorization.k8s.io__v1": ["SelfSubjectAccessReview"],
}
"""Document of the API group and version, and the kinds that are read or written through it."""
META = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
PROTOS = ("core/v1", "apps/v1", "policy/v1", "coordination/v1", "autoscaling/v1", "authorization/v1")
UNKNOWN = "k8s.io.apimachinery.pkg.runtime.Unknown"
WORDS = {"description", "enum", "nullable"}
"""What is left out of a type: text for people, and what is not checked."""


def main(kubernetes: Path, api: Path, machinery: Path, target: Path) -> None:
    """Write both files."""
    types = dict(sorted(_types(kubernetes / "api" / "openapi-spec" / "v3")))
    (target / "types.json").write_text(json.dumps(types, indent=0, sort_keys=True) + "\n")
    (target / "messages.binpb").write_bytes(_messages(api, machinery, {_message(name) for name in types} | {UNKNOWN}))


def _types(folder: Path) -> Iterator[tuple[str, Any]]:
    known: dict[str, Any] = {}
    wanted: list[str] = [META]
    for document, kinds in ROOTS.items():
        schemas = json.loads((folder / f"{document}_openapi.json").read_text())["components"]["schemas"]
        known |= schemas
        wanted += [name for name in schemas if name.rsplit(".", 1)[1] in kinds and name.startswith("io.k8s.api.")]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += _referenced(known[name])
            yield name, _stripped(known[name])


def _referenced(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rsplit("/", 1)[1]
        for child in value.values():
            yield from _referenced(child)
    elif isinstance(value, list):
        for child in value:
            yield from _referenced(child)


def _stripped(schema: Any, is_schema: bool = True) -> Any:
    """A type without its words; a property may be called like one of them."""
    if isinstance(schema, list):
        return [_stripped(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not (is_schema and key in WORDS)}
    return {key: _stripped(value, is_schema=not (is_schema and key == "properties")) for key, value in kept.items()}


def _message(name: str) -> str:
    return "k8s.io." + name.removeprefix("io.k8s.")


def _messages(api: Path, machinery: Path, wanted: set[str]) -> bytes:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "k8s.io"
        root.mkdir()
        (root / "api").symlink_to(api)
        (root / "apimachinery").symlink_to(machinery)
        made = Path(folder) / "set"
        files = [str(root / "api" / proto / "generated.proto") for proto in PROTOS]
        command = ["protoc", f"-I{folder}", f"-I{resources.files('grpc_tools') / '_proto'}", "--include_imports"]
        if protoc.main([*command, f"--descriptor_set_out={made}", *files]):
            raise SystemExit("protoc failed")
        found = FileDescriptorSet.FromString(made.read_bytes())
    return bytes(_pruned(found, wanted).SerializeToString(deterministic=True))


def _pruned(found: Any, wanted: set[str]) -> Any:
    """The set without the messages that no wanted one reaches, and without options."""
    every = {f"{file.package}.{message.name}": message for file in found.file for message in file.message_type}
    queue, kept = [name for name in wanted if name in every], set()
    while queue:
        name = queue.pop()
        if name not in kept:
            kept.add(name)
            queue += _parts(every[name])
    for file in found.file:
        file.ClearField("options")
        messages = [m for m in file.message_type if f"{file.package}.{m.name}" in kept]
        del file.message_type[:]
        file.message_type.extend(messages)
    return found


def _parts(message: Any) -> list[str]:
    nested = [field for entry in message.nested_type for field in entry.field]
    names = [field.type_name.lstrip(".") for field in [*message.field, *nested] if field.type_name]
    return [name for name in names if not name.endswith("Entry")]


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
