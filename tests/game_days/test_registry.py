"""Images that cannot be pulled, and whose fault that is."""

from __future__ import annotations

import time

from cluster_probe import eventually
from game_day import GameDay, Scenario, game_day
from game_hands import GATED, deployed, generation, let_in, one_dies, play, rolled_out

DIAL = (
    'failed to pull and unpack image "registry.test/app:v2": failed to resolve reference: failed to do request: '
    'Head "https://registry.test/v2/app/manifests/v2": dial tcp 10.0.0.9:443: connect: connection refused'
)
LIMITED = (
    'failed to pull and unpack image "registry.test/app:v2": 429 Too Many Requests - toomanyrequests: '
    "you have reached your pull rate limit"
)
GONE = 'failed to pull and unpack image "registry.test/db:v1": manifest unknown: not found'
LATE = 'failed to pull and unpack image "registry.test/app:v2": manifest unknown: not found'
APPS = ("orders", "stock")


@game_day(
    Scenario(
        title="a registry is down for all",
        decoy="six bad releases at once",
        harm="rollbacks and restarts: each needs the registry again",
        refuted_by="a rollback of any of the six, asked for or done",
        says=frozenset({"Registry"}),
    ),
    short=True,
)
def test_a_registry_that_is_down_is_nobodys_release(day: GameDay) -> None:
    """Six workloads of three namespaces are released within seconds, and none can be pulled."""
    _released_at_once(day, DIAL)


@game_day(
    Scenario(
        title="the pull limit of an address is used up",
        decoy="bad image names, or the network",
        harm="restarts and new nodes: more pulls",
        refuted_by="any change to a workload before the limit's window is over",
        says=frozenset({"RateLimit", "Registry"}),
        source="https://changelog.skyscrapers.eu/announcements/2025/02/21/dockerhub-rate-limited.html",
    )
)
def test_a_pull_limit_is_waited_out(day: GameDay) -> None:
    """All nodes share one address, and a burst of pulls has used up what it is allowed."""
    _released_at_once(day, LIMITED)


@game_day(
    Scenario(
        title="a tag was removed long ago, and caches hid it",
        decoy="the latest rollout, which ran well for long",
        harm="a rollback: another version of a database, for a fault that the rollout did not bring",
        refuted_by="a rollback from a revision of which another replica still runs",
        says=frozenset({"Image"}),
        source="https://github.com/sentry-kubernetes/charts/issues/2038",
    )
)
def test_an_image_that_ran_for_long_was_not_brought_in_by_its_rollout(day: GameDay) -> None:
    """One of two replicas moves to a node without the image, and the registry has it no more."""
    space = day.space()
    space.deploy("db", image="registry.test/db:v0", replicas=2, spec=GATED)
    let_in(space, "db", 2)
    eventually(lambda: space.is_complete("db"))
    space.kubectl("set", "image", "deployment/db", "app=registry.test/db:v1")
    for _ in range(2):
        let_in(space, "db")
    eventually(lambda: space.is_complete("db"))
    day.begins()
    one_dies(space, "db")
    let_in(space, "db", waits="ErrImagePull", waits_because=GONE)
    day.until_diagnosed()
    assert generation(space, "db") == 2


@game_day(
    Scenario(
        title="a release comes before its image, by half a minute",
        decoy="a tag that does not exist",
        harm="a rollback of a good release, which the pipeline then believes to be out",
        refuted_by="a rollback without a person's yes",
        says=frozenset({"Image"}),
        asks=frozenset({"RollbackDeployment"}),
    )
)
def test_an_image_that_is_still_pushed_is_waited_for(day: GameDay) -> None:
    """One second for five: the tag is there six seconds after the first pull, and the platform waits twelve before it looks."""
    space = day.space()
    deployed(space, "shop", replicas=2)
    day.begins()
    rolled_out(space, "shop", "registry.test/app:v2", waits="ErrImagePull", waits_because=LATE)
    day.until(day.opened, "an incident")
    time.sleep(6)
    for _ in range(2):  # the second pod comes when the first is ready
        play(space, "shop", waits="nothing")
        time.sleep(1)
    day.until_calm()
    assert space.get("Deployment", "shop")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v2")


def _released_at_once(day: GameDay, error: str) -> None:
    spaces = [day.space() for _ in range(3)]
    for space in spaces:
        for name in APPS:
            deployed(space, name)
    day.begins()
    for space in spaces:
        for name in APPS:
            rolled_out(space, name, "registry.test/app:v2", waits="ErrImagePull", waits_because=error)
    day.until_diagnosed()
    assert [generation(space, name) for space in spaces for name in APPS] == [2] * 6
