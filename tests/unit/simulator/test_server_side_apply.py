"""Server-side apply: who owns what, conflicts, and what goes when its owner names it no more."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.simulator.errors import ApiError
from aetherius.simulator.field_sets import fields_of, from_tree, spelled, to_tree
from aetherius.simulator.kinds import CONFIG_MAP, POD
from aetherius.simulator.managed_fields import Owner, claim_applied, claim_changes, owned_by, owned_part
from aetherius.simulator.schema.shape import shape_of
from aetherius.simulator.server_side_apply import apply

NOW = datetime(2026, 11, 30, tzinfo=UTC)
MAPS, PODS = shape_of("v1", "ConfigMap"), shape_of("v1", "Pod")
Document = dict[str, Any]


def a_map(**data: str) -> Document:
    return {"metadata": {"name": "a"}} | ({"data": data} if data else {})


def applied(live: Document, wanted: Document, manager: str, *, force: bool = False) -> Document:
    """What the server stores after an apply to a config map."""
    owner = Owner(manager, "Apply")
    made = apply(MAPS, live, wanted, owner, force=force)
    claim_applied(made.document, owner, CONFIG_MAP, NOW, made.fields, made.forced)
    return made.document


def test_a_set_of_fields_names_items_by_their_keys() -> None:
    pod = {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}], "nodeSelector": {"x": "y"}}}
    assert sorted(spelled(path) for path in fields_of(PODS, pod)) == [
        ".spec.containers[name=\"a\"]",
        ".spec.containers[name=\"a\"].name",
        ".spec.containers[name=\"a\"].ports[containerPort=80,protocol=\"TCP\"]",
        ".spec.containers[name=\"a\"].ports[containerPort=80,protocol=\"TCP\"].containerPort",
        ".spec.nodeSelector",
    ]  # fmt: skip


def test_a_set_of_fields_survives_its_written_form() -> None:
    pod = {"metadata": {"labels": {"a/b": "c"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}}
    fields = fields_of(PODS, pod)
    assert from_tree(to_tree(fields)) == fields


def test_an_update_takes_what_it_changes() -> None:
    live = applied(a_map(), a_map(a="1", b="2"), "one")
    changed = deepcopy(live)
    changed["data"]["a"] = "9"
    claim_changes(changed, Owner("two"), CONFIG_MAP, NOW, live)
    assert owned_by(changed, Owner("one", "Apply")) == {("f:data", "f:b")}
    assert owned_by(changed, Owner("two")) == {("f:data", "f:a")}


def test_an_equal_value_is_shared_and_another_is_a_conflict() -> None:
    live = applied(a_map(), a_map(a="1"), "one")
    assert applied(live, a_map(a="1"), "two")["data"] == {"a": "1"}
    with pytest.raises(ApiError) as refused:
        applied(live, a_map(a="2"), "two")
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")
    assert refused.value.details["causes"] == [
        {"reason": "FieldManagerConflict", "field": ".data.a", "message": 'conflict with "one" using v1'}
    ]
    forced = applied(live, a_map(a="2"), "two", force=True)
    assert forced["data"] == {"a": "2"}
    assert owned_by(forced, Owner("one", "Apply")) == set()


def test_a_container_goes_with_all_that_is_in_it() -> None:
    owner, both = Owner("one", "Apply"), [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]
    live: Document = {"metadata": {"name": "p"}, "spec": {"containers": both, "nodeName": "n"}}
    claim_applied(live, owner, POD, NOW, fields_of(PODS, {"spec": {"containers": both}}), set())
    made = apply(PODS, live, {"spec": {"containers": both[:1]}}, owner, force=False)
    assert made.document["spec"] == {"containers": both[:1], "nodeName": "n"}


VALUES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(("one", "two", "three")), VALUES), max_size=8))
def test_the_object_is_the_sum_of_what_its_managers_last_said(orders: list[tuple[str, dict[str, str]]]) -> None:
    live, said = a_map(), dict[str, dict[str, str]]()
    for manager, data in orders:
        live = applied(live, a_map(**data), manager, force=True)
        for other in said:
            said[other] = {key: value for key, value in said[other].items() if data.get(key, value) == value}
        said[manager] = data
        expected = {key: value for one in said.values() for key, value in one.items()}
        assert live.get("data", {}) == expected
        assert {name: owned_by(live, Owner(name, "Apply")) for name in said} == {
            name: fields_of(MAPS, owned_part(a_map(**one))) - {()} for name, one in said.items()
        }


@given(VALUES)
def test_applying_twice_is_applying_once(data: dict[str, str]) -> None:
    once = applied(a_map(), a_map(**data), "one")
    assert applied(once, a_map(**data), "one") == once
