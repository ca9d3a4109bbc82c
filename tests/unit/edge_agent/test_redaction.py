"""Secrets are taken out of what leaves, and what a diagnosis needs is left in."""

from __future__ import annotations

import pytest

from aetherius.edge_agent.redaction import mask_description, mask_object, mask_text

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("connect postgres://shop:s3cr3t-pw@db:5432/shop", "s3cr3t-pw"),
        ("DB_PASSWORD=correcthorse next=1", "correcthorse"),
        ('{"api_key": "abc123def456", "user": "eve"}', "abc123def456"),
        ("aws AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("token: ghp_abcdefghijklmnopqrstuvwx", "ghp_abcdefghijklmnopqrstuvwx"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("session Zk3vQ9xT7bLw2NfR8sYh4JcM6dPa1UeG5oKi0", "Zk3vQ9xT7bLw2NfR8sYh4JcM6dPa1UeG5oKi0"),
    ],
)
def test_a_secret_in_text_is_masked(text: str, secret: str) -> None:
    assert secret not in mask_text(text)
    assert "[redacted:" in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        'MountVolume.SetUp failed for volume "db-secret" : secret "db-secret" not found',
        "couldn't find key password in Secret shop/db",
        'Back-off pulling image "registry.test/team/app-with-a-long-name:2026.03.01"',
        "pulled image sha256:9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d",
        "pod my-rather-long-deployment-name-of-a-team-7d9f8b6c5d-x2x4z is gone",
        "uid 123e4567-e89b-12d3-a456-426614174000",
        'level=error msg="allocation failed soon: memory limit nearly reached" heap_mib=64 limit_mib=64',
        "0/3 nodes are available: 3 Insufficient memory.",
    ],
)
def test_what_a_diagnosis_needs_is_left(text: str) -> None:
    assert mask_text(text) == text


def test_equal_secrets_can_be_recognised_as_equal() -> None:
    one, other = mask_text("password=aaaabbbb"), mask_text("password=aaaabbbb again")
    assert one.split()[0] == other.split()[0]


def test_a_pods_values_are_hidden_and_its_shape_is_kept() -> None:
    container = {
        "name": "app",
        "args": ["--key=abc"],
        "command": ["run"],
        "env": [
            {"name": "API_KEY", "value": "abc"},
            {"name": "HTTP_PORT", "value": "8080"},
            {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
        ],
    }
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{...}", "owner": "shop"}
    pod = {"kind": "Pod", "metadata": {"annotations": annotations}, "spec": {"containers": [container]}}
    masked = mask_object({"kind": "List", "items": [pod]})["items"][0]
    found = masked["spec"]["containers"][0]
    assert found["args"][0].startswith("[redacted:")
    assert found["env"][0]["value"].startswith("[redacted:")
    assert found["env"][1] == {"name": "HTTP_PORT", "value": "8080"}
    assert found["env"][2] == container["env"][2]
    assert masked["metadata"]["annotations"]["owner"] == "shop"
    assert masked["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].startswith(
        "[redacted:"
    )


def test_config_maps_keep_keys_and_lengths_only() -> None:
    masked = mask_object({"kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"a.yaml": "secret stuff"}})
    assert masked["data"]["a.yaml"].startswith("12 characters [redacted:")
    clear = {"kind": "ConfigMap", "metadata": {"name": "coredns"}, "data": {"Corefile": ".:53 {}"}}
    assert mask_object(clear) == clear


def test_certificates_bundles_are_dropped() -> None:
    hook = {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"clientConfig": {"caBundle": "LS0t", "url": "u"}}]}
    assert mask_object(hook)["webhooks"] == [{"clientConfig": {"url": "u"}}]


def test_a_description_hides_values_line_by_line() -> None:
    text = """Name:         web
Annotations:  team: shop
              checksum/config: abc
Containers:
  app:
    Image:      shop/web:1
    Command:
      run
      --key=abc
    Limits:
      memory:  64Mi
    Environment:
      API_KEY:    abc
      HTTP_PORT:  8080
      FROM:       <set to the key 'k' in secret 'keys'>  Optional: false
    Mounts:
      /var/run from v (ro)
Events:
  Warning  BackOff  1s  kubelet  Back-off restarting failed container"""
    masked = mask_description(text)
    for secret in ("abc", "run\n"):
        assert secret not in masked.replace("/var/run", "")
    for kept in (
        "shop/web:1",
        "memory:  64Mi",
        "HTTP_PORT:  8080",
        "<set to the key 'k'",
        "/var/run from v",
        "Back-off",
    ):
        assert kept in masked


@pytest.mark.parametrize("document", [None, [], "text", 7, {"kind": "Pod"}, {"items": None}])
def test_odd_documents_do_no_harm(document: object) -> None:
    assert mask_object(document) == document
