"""Patches: merge, strategic merge, JSON patch."""

from __future__ import annotations

import pytest

from aetherius.simulator.errors import ApiError
from aetherius.simulator.json_patch import json_patch
from aetherius.simulator.patches import merge, strategic_merge
from aetherius.simulator.schema.shape import shape_of

POD_SPEC = shape_of("v1", "Pod").fields["spec"]


def test_a_merge_patch_removes_by_null_and_replaces_lists() -> None:
    assert merge({"a": {"b": 1, "c": [1]}}, {"a": {"b": None, "c": [2]}}) == {"a": {"c": [2]}}


def test_a_strategic_patch_merges_a_list_by_its_key_and_deletes_on_demand() -> None:
    pod = {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]}
    patch = {
        "containers": [{"name": "a", "image": "x:2"}, {"name": "b", "$patch": "delete"}, {"name": "c", "image": "z"}]
    }
    assert strategic_merge(POD_SPEC, pod, patch) == {
        "containers": [{"name": "a", "image": "x:2"}, {"name": "c", "image": "z"}]
    }


def test_a_strategic_patch_needs_the_key_of_a_list() -> None:
    with pytest.raises(ApiError) as refused:
        strategic_merge(POD_SPEC, {"containers": []}, {"containers": [{"image": "x"}]})
    assert refused.value.code == 400


def test_patches_leave_what_they_are_given() -> None:
    document = {"containers": [{"name": "a", "image": "x:1"}]}
    strategic_merge(POD_SPEC, document, {"containers": [{"name": "a", "image": "x:2"}]})
    json_patch(document, [{"op": "remove", "path": "/containers"}])
    assert document == {"containers": [{"name": "a", "image": "x:1"}]}


def test_a_json_patch_is_guarded_by_its_tests() -> None:
    document = {"a": {"b/c": 1}, "l": [1, 3]}
    operations = [{"op": "replace", "path": "/a/b~1c", "value": 2}, {"op": "add", "path": "/l/1", "value": 2}]
    assert json_patch(document, operations) == {"a": {"b/c": 2}, "l": [1, 2, 3]}
    for operation in ({"op": "test", "path": "/a/b~1c", "value": 9}, {"op": "remove", "path": "/nothing"}):
        with pytest.raises(ApiError) as refused:
            json_patch(document, [operation])
        assert refused.value.code == 422
