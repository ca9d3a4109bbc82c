"""Reads bodies in Kubernetes' protobuf form, which kubectl and other Go clients send for every built-in kind, as JSON documents.

`messages.binpb` holds the descriptors; it is made with `types.json`. A field that its type does not name is one that JSON has in the
object around it (a volume's source). Go writes empty strings and zeros for absent ones: strings are left out, zeros cannot be told from
those that somebody meant (`replicas: 0`), and stay.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from aetherius.simulator.documents import Document, micro_stamp, stamp
from aetherius.simulator.errors import ApiError, bad_request
from aetherius.simulator.schema.shape import Shape, all_types, type_name

MAGIC = b"k8s\x00"
"""The first bytes of every such body."""
_RUNTIME = "k8s.io.apimachinery.pkg.runtime"
_META = "k8s.io.apimachinery.pkg.apis.meta.v1"


def decoded(raw: bytes) -> Document:
    """The document of a body; raises `ApiError` 400 when it is damaged, 415 when its kind is not served."""
    try:
        envelope: Any = message_type(f"{_RUNTIME}.Unknown").FromString(raw.removeprefix(MAGIC))
        about = {"apiVersion": envelope.typeMeta.apiVersion, "kind": envelope.typeMeta.kind}
        name = type_name(about["apiVersion"], about["kind"])
        if name is None:
            raise ApiError(
                415, "UnsupportedMediaType", f"no protobuf of {about['apiVersion']} {about['kind']} is read here"
            )
        message = message_type(f"k8s.io.{name.removeprefix('io.k8s.')}").FromString(envelope.raw)
    except DecodeError as exc:
        raise bad_request(f"the protobuf of the body is damaged: {exc}") from exc
    return _object(message, Shape(all_types()[name])) | about


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString((resources.files(__package__) / "messages.binpb").read_bytes()).file:
        pool.Add(file)
    return pool


def message_type(name: str) -> type[Any]:
    """The class of a message by its full name."""
    found: type[Any] = GetMessageClass(_pool().FindMessageTypeByName(name))
    return found


def _object(message: Message, shape: Shape) -> Document:
    document: Document = {}
    for field, value in message.ListFields():
        if field.message_type is not None and shape.is_struct and field.name not in shape.fields:
            document |= _object(value, shape)
            continue
        read = _value(field, value, shape.fields.get(field.name, _ANY))
        if read not in (None, ""):
            document[field.name] = read
    return document


def _value(field: FieldDescriptor, value: Any, shape: Shape) -> Any:
    inner = shape.values or _ANY
    if isinstance(value, Mapping):
        of = field.message_type.fields_by_name["value"]
        return {key: _single(of, value[key], inner) for key in sorted(value)}
    if field.is_repeated:
        return [_single(field, item, inner) for item in value]
    return _single(field, value, shape)


def _single(field: FieldDescriptor, value: Any, shape: Shape) -> Any:
    if field.message_type is None:
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value
    special = _SPECIAL.get(field.message_type.full_name)
    return special(value) if special else _object(value, shape)


def _moment(value: Any, write: Callable[[datetime], str]) -> str | None:
    if not value.ListFields():
        return None
    return write(datetime.fromtimestamp(0, UTC) + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000))


def _json(raw: bytes) -> Any:
    return json.loads(raw) if raw else None


_ANY = Shape({})
_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "k8s.io.apimachinery.pkg.api.resource.Quantity": lambda value: value.string,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": lambda value: value.strVal if value.type else value.intVal,
    f"{_META}.Time": lambda value: _moment(value, stamp),
    f"{_META}.MicroTime": lambda value: _moment(value, micro_stamp),
    f"{_META}.FieldsV1": lambda value: _json(value.Raw),
    f"{_RUNTIME}.RawExtension": lambda value: _json(value.raw),
}
"""Types that JSON writes in a form of their own."""
