"""Reading by type: JSON and protobuf bodies, unknown fields, OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from aetherius.simulator.api import openapi
from aetherius.simulator.errors import ApiError
from aetherius.simulator.kinds import KINDS
from aetherius.simulator.schema import protobuf
from aetherius.simulator.schema.reading import Reading
from aetherius.simulator.schema.shape import all_types, shape_of, type_name

CONFIG_MAP = shape_of("v1", "ConfigMap")
POD = shape_of("v1", "Pod")


def test_every_kind_has_its_type_and_its_place_in_a_document() -> None:
    for kind in KINDS:
        root = f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"
        document = openapi.document(root)
        assert document is not None
        assert type_name(kind.api_version, kind.name) in document["components"]["schemas"]
        assert any(path.endswith(f"/{kind.plural}/{{name}}") for path in document["paths"])


def test_a_document_holds_all_that_it_refers_to() -> None:
    for version in openapi.index()["paths"]:
        document = openapi.document(version)
        assert document is not None
        text = json.dumps(document)
        referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert referred <= set(document["components"]["schemas"])


def test_types_carry_no_prose() -> None:
    described = [name for name, schema in all_types().items() if isinstance(schema.get("description"), str)]
    assert described == []


def test_what_a_type_does_not_name_is_told_and_left_out() -> None:
    pod = {"spec": {"containers": [{"name": "a", "imag": "x"}], "nodeSelector": {"any": "thing"}}, "other": 1}
    reading = Reading(POD, "Pod", pod)
    assert reading.unknown == ["spec.containers[0].imag", "other"]
    assert reading.document == {"spec": {"containers": [{"name": "a"}], "nodeSelector": {"any": "thing"}}}


def test_nulls_and_empty_maps_say_nothing_but_an_empty_object_does() -> None:
    pod = {"metadata": {"creationTimestamp": None, "labels": {}}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    assert Reading(POD, "Pod", pod).document == {"metadata": {}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}


@pytest.mark.parametrize(
    "spec",
    [
        {"terminationGracePeriodSeconds": "30"},
        {"terminationGracePeriodSeconds": True},
        {"terminationGracePeriodSeconds": 1.5},
        {"hostNetwork": "yes"},
        {"containers": {}},
        {"nodeSelector": {"a": 1}},
        {"nodeName": 7},
        "spec",
    ],
)
def test_a_value_of_the_wrong_type_is_refused(spec: Any) -> None:
    with pytest.raises(ApiError) as refused:
        Reading(POD, "Pod", {"spec": spec})
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")


def test_a_number_or_a_string_where_both_are_allowed() -> None:
    limits = {"limits": {"cpu": 1, "memory": "64Mi"}}
    pod = {"spec": {"containers": [{"name": "a", "resources": limits}]}}
    assert Reading(POD, "Pod", pod).document == pod


class TestProtobuf:
    """Bodies as Go clients send them, made with the same descriptors."""

    def body(self, kind: str, document: dict[str, Any], api_version: str = "v1") -> bytes:
        name = type_name(api_version, kind)
        assert name is not None
        message = protobuf.message_type(f"k8s.io.{name.removeprefix('io.k8s.')}")()
        fill(message, document)
        envelope: Any = protobuf.message_type("k8s.io.apimachinery.pkg.runtime.Unknown")()
        envelope.typeMeta.apiVersion, envelope.typeMeta.kind, envelope.raw = (
            api_version,
            kind,
            message.SerializeToString(),
        )
        return protobuf.MAGIC + bytes(envelope.SerializeToString())

    def test_maps_bytes_and_empty_strings(self) -> None:
        raw = self.body(
            "Secret", {"metadata": {"name": "s", "namespace": ""}, "data": {"k": b"\x00v"}, "type": "Opaque"}
        )
        assert protobuf.decoded(raw) == {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "AHY="}, "type": "Opaque",
        }  # fmt: skip

    def test_what_json_has_in_the_object_around_it(self) -> None:
        volume = {"name": "v", "volumeSource": {"configMap": {"localObjectReference": {"name": "m"}}}}
        raw = self.body("Pod", {"spec": {"volumes": [volume]}})
        assert protobuf.decoded(raw)["spec"]["volumes"] == [{"name": "v", "configMap": {"name": "m"}}]

    def test_quantities_times_and_numbers_or_strings(self) -> None:
        raw = self.body(
            "Node",
            {
                "metadata": {"creationTimestamp": {"seconds": 1, "nanos": 0}},
                "status": {"capacity": {"cpu": {"string": "8"}}},
            },
        )
        assert protobuf.decoded(raw)["status"] == {"capacity": {"cpu": "8"}}
        assert protobuf.decoded(raw)["metadata"] == {"creationTimestamp": "1970-01-01T00:00:01Z"}
        ports = [
            {"port": 80, "targetPort": {"type": 1, "strVal": "http"}},
            {"port": 81, "targetPort": {"type": 0, "intVal": 81}},
        ]
        raw = self.body("Service", {"spec": {"ports": ports}})
        assert [port["targetPort"] for port in protobuf.decoded(raw)["spec"]["ports"]] == ["http", 81]

    def test_what_is_damaged_is_refused(self) -> None:
        whole = self.body("ConfigMap", {"metadata": {"name": "a"}, "data": {"a": "1"}})
        for raw in (whole[:-1], protobuf.MAGIC + b"\xff\xff\xff", whole[:6] + b"\x00" + whole[7:]):
            with pytest.raises(ApiError) as refused:
                protobuf.decoded(raw)
            assert refused.value.code in (400, 415)

    def test_a_kind_that_is_not_served_is_refused(self) -> None:
        envelope: Any = protobuf.message_type("k8s.io.apimachinery.pkg.runtime.Unknown")()
        envelope.typeMeta.apiVersion, envelope.typeMeta.kind = "batch/v1", "Job"
        with pytest.raises(ApiError) as refused:
            protobuf.decoded(protobuf.MAGIC + bytes(envelope.SerializeToString()))
        assert refused.value.code == 415


def fill(message: Any, document: dict[str, Any]) -> None:
    """Set the fields of a message by their names."""
    for name, value in document.items():
        place: Any = getattr(message, name)
        if isinstance(value, dict) and is_map(place):
            for key, item in value.items():
                if isinstance(item, dict):
                    fill(place[key], item)
                else:
                    place[key] = item
        elif isinstance(value, dict):
            place.SetInParent()
            fill(place, value)
        elif isinstance(value, list):
            for item in value:
                fill(place.add(), item)
        else:
            setattr(message, name, value)


def is_map(place: object) -> bool:
    """Whether a field is a map."""
    return isinstance(place, Mapping)
