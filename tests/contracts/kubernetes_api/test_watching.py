"""watch: from a resourceVersion without a gap, bookmarks, selectors, and 410 once the history is gone."""

from __future__ import annotations

import itertools

from kubernetes.client.exceptions import ApiException

from cluster_probe import ClusterProbe
from cluster_under_test import ClusterUnderTest


def path(probe: ClusterProbe, *options: str) -> str:
    return f"/api/v1/namespaces/{probe.namespace}/configmaps?" + "&".join(("watch=1", "labelSelector=mine", *options))


def write(probe: ClusterProbe, name: str, value: str = "1") -> None:
    body = {"metadata": {"name": name, "labels": {"mine": "yes"}}, "data": {"a": value}}
    probe.kind("ConfigMap").create(namespace=probe.namespace, body=body)


def revision(probe: ClusterProbe) -> str:
    version: str = probe.kind("ConfigMap").get(namespace=probe.namespace).metadata.resourceVersion
    return version


def test_a_watch_shows_what_happened_since_the_list(probe: ClusterProbe) -> None:
    since = revision(probe)
    write(probe, "a")
    probe.patch("ConfigMap", "a", {"data": {"a": "2"}})
    probe.kind("ConfigMap").delete(name="a", namespace=probe.namespace)
    seen = list(itertools.islice(probe.watch(path(probe, f"resourceVersion={since}", "timeoutSeconds=10")), 3))
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(versions)
    assert versions[0] > int(since)


def test_the_dynamic_client_watches_from_a_resource_version(probe: ClusterProbe) -> None:
    since = revision(probe)
    write(probe, "a")
    events = probe.dynamic.watch(probe.kind("ConfigMap"), namespace=probe.namespace, resource_version=since, timeout=5)
    added = (event["raw_object"]["metadata"]["name"] for event in events if event["type"] == "ADDED")
    assert "a" in added, "beside it the controllers may add maps of their own"


def test_an_object_that_stops_matching_is_deleted_for_the_watch(probe: ClusterProbe) -> None:
    write(probe, "a")
    since = revision(probe)
    probe.patch("ConfigMap", "a", {"metadata": {"labels": {"mine": None}}})
    seen = next(probe.watch(path(probe, f"resourceVersion={since}", "timeoutSeconds=10")))
    assert seen["type"] == "DELETED"


def test_a_watch_without_a_version_begins_with_what_there_is(probe: ClusterProbe) -> None:
    write(probe, "a")
    seen = next(probe.watch(path(probe, "timeoutSeconds=10")))
    assert (seen["type"], seen["object"]["metadata"]["name"]) == ("ADDED", "a")


def test_initial_events_end_with_a_marked_bookmark(probe: ClusterProbe) -> None:
    write(probe, "a")
    options = (
        "sendInitialEvents=true",
        "allowWatchBookmarks=true",
        "resourceVersionMatch=NotOlderThan",
        "timeoutSeconds=10",
    )
    seen = list(itertools.islice(probe.watch(path(probe, *options)), 2))
    assert [event["type"] for event in seen] == ["ADDED", "BOOKMARK"]
    assert seen[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_that_asked_for_them_gets_bookmarks(probe: ClusterProbe) -> None:
    since = revision(probe)
    write(probe, "a")
    options = ("allowWatchBookmarks=true", f"resourceVersion={since}", "timeoutSeconds=6")
    seen = []
    for event in probe.watch(path(probe, *options)):
        seen.append(event)
        if len(seen) == 1:
            write(probe, "b")  # only what changes after the watch began makes a bookmark worth sending
    assert [event["type"] for event in seen[:2]] == ["ADDED", "ADDED"]
    assert seen[-1]["type"] == "BOOKMARK"
    assert int(seen[-1]["object"]["metadata"]["resourceVersion"]) >= int(
        seen[0]["object"]["metadata"]["resourceVersion"]
    )


def test_a_version_from_before_the_history_is_gone(cluster: ClusterUnderTest, probe: ClusterProbe) -> None:
    listed = probe.request("GET", f"/api/v1/namespaces/{probe.namespace}/configmaps")[1]["metadata"]["resourceVersion"]
    write(probe, "a")
    cluster.forget_history()
    seen = next(probe.watch(path(probe, f"resourceVersion={listed}", "timeoutSeconds=5")))
    assert (seen["type"], seen["object"]["code"], seen["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert _raised(probe, listed) == 410


def _raised(probe: ClusterProbe, since: str) -> int | None:
    try:
        for _ in probe.dynamic.watch(
            probe.kind("ConfigMap"), namespace=probe.namespace, resource_version=since, timeout=3
        ):
            return None
    except ApiException as exc:
        return int(exc.status)
    return None
