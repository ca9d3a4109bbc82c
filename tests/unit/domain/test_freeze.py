"""What a freeze covers, and when it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aetherius.domain.errors import WrongStateError
from aetherius.domain.freeze import Freeze, Lifted, Scope, Set, freeze_stream, scopes_around

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SHOP = Scope(cluster_id="north", namespace="shop")


def frozen(until: datetime | None = None) -> Freeze:
    freeze = Freeze(freeze_stream(SHOP))
    freeze.set(SHOP, "release", "user:ada", until, NOW)
    return freeze


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), True),
        (Scope(cluster_id="north"), True),
        (Scope(namespace="shop"), True),
        (Scope(environment="prod"), True),
        (Scope(cluster_id="north", namespace="shop", environment="prod"), True),
        (Scope(cluster_id="south"), False),
        (Scope(cluster_id="north", namespace="bank"), False),
        (Scope(cluster_id="south", namespace="shop"), False),
        (Scope(environment="test"), False),
    ],
)
def test_a_scope_covers_what_has_all_that_it_names(scope: Scope, covered: bool) -> None:
    assert scope.covers("north", "shop", "prod") is covered


def test_a_namespaces_freeze_does_not_cover_a_node() -> None:
    assert not SHOP.covers("north", "", "prod")


@pytest.mark.parametrize(("namespace", "environment", "count"), [("shop", "prod", 8), ("", "prod", 4), ("", "", 2)])
def test_every_scope_that_covers_something_is_looked_at(namespace: str, environment: str, count: int) -> None:
    scopes = scopes_around("north", namespace, environment)
    assert len({freeze_stream(scope) for scope in scopes}) == count
    assert all(scope.covers("north", namespace, environment) for scope in scopes)


def test_it_holds_until_it_is_lifted() -> None:
    freeze = frozen()
    assert freeze.holds(NOW + timedelta(days=365))
    freeze.lift("user:ada", "done", NOW)
    assert not freeze.holds(NOW)
    assert [type(event) for _, event, _ in freeze.collect()] == [Set, Lifted]


def test_one_with_an_end_is_over_by_itself() -> None:
    freeze = frozen(NOW + timedelta(hours=1))
    assert freeze.holds(NOW + timedelta(minutes=59))
    assert not freeze.holds(NOW + timedelta(hours=1))


def test_saying_the_same_again_is_nothing_new() -> None:
    freeze = frozen()
    freeze.set(SHOP, "release", "user:ada", None, NOW)
    assert len(freeze.collect()) == 1


def test_a_freeze_that_would_be_over_is_refused() -> None:
    with pytest.raises(WrongStateError, match="over"):
        frozen(NOW)


def test_what_is_not_frozen_cannot_be_lifted() -> None:
    with pytest.raises(WrongStateError):
        Freeze(freeze_stream(SHOP)).lift("user:ada", "", NOW)


def test_everything_is_said_so() -> None:
    assert Scope().in_words == "everything"
    assert SHOP.in_words == "cluster north, namespace shop"
