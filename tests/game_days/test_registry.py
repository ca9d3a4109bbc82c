"""Images that cannot be pulled, and whose fault that is."""

from __future__ import annotations

from game_day import GameDay, Scenario, deployed, game_day, rolled_out

DIAL = (
    'failed to pull and unpack image "registry.test/app:v1": failed to resolve reference: failed to do request: '
    'Head "https://registry.test/v2/app/manifests/v1": dial tcp 10.0.0.9:443: connect: connection refused'
)
LIMITED = (
    'failed to pull and unpack image "registry.test/app:v1": 429 Too Many Requests - toomanyrequests: '
    "you have reached your pull rate limit"
)


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
    spaces = [day.space() for _ in range(3)]
    for space in spaces:
        for name in ("orders", "stock"):
            deployed(space, name, replicas=2)
    day.begins()
    for space in spaces:
        for name in ("orders", "stock"):
            rolled_out(space, name, "registry.test/app:v2", waits="ErrImagePull", waits_because=DIAL)
    day.until_diagnosed()
    for space in spaces:
        assert [space.get("Deployment", name)["metadata"]["generation"] for name in ("orders", "stock")] == [2, 2]
