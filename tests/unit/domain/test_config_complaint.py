"""What kubelets say of configuration: the words are theirs (1.22 to 1.36)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.diagnosis.config_complaint import complaints

SETUP = 'MountVolume.SetUp failed for volume "v" : '


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('configmap "settings" not found', ("object", "ConfigMap", "settings", "", "")),
        ('secrets "db" not found', ("object", "Secret", "db", "", "")),
        (SETUP + 'secret "db" not found', ("object", "Secret", "db", "", "v")),
        ("couldn't find key url in ConfigMap shop/settings", ("key", "ConfigMap", "settings", "url", "")),
        ("couldn't find key tls.key in Secret shop/web.tls", ("key", "Secret", "web.tls", "tls.key", "")),
        (SETUP + "configmap references non-existent config key: app.yaml", ("key", "ConfigMap", "", "app.yaml", "v")),
        (SETUP + "references non-existent secret key: tls.key", ("key", "Secret", "", "tls.key", "v")),
        (
            SETUP + 'rpc error: SecretProviderClass.secrets-store.csi.x-k8s.io "vault" not found',
            ("object", "SecretProviderClass", "vault", "", "v"),
        ),
        (
            SETUP + "rpc error: failed to mount secrets store objects for pod shop/x, err: 403",
            ("delivery", "", "", "", "v"),
        ),
        (
            SETUP + "driver name secrets-store.csi.k8s.io not found in the list of registered CSI drivers",
            ("driver", "", "", "", "v"),
        ),
        ("failed to sync configmap cache: timed out waiting for the condition", ("cache", "", "", "", "")),
        (SETUP + 'object "shop"/"settings" not registered', ("cache", "", "", "", "v")),
        ("container has runAsNonRoot and image will run as root", ("security", "", "", "", "")),
        ('failed to prepare subPath for volumeMount "c" of container "app"', ("mount", "", "", "", "")),
    ],
)
def test_what_is_complained_of(message: str, told: tuple[str, ...]) -> None:
    (found,) = complaints(message)
    assert (found.what, found.kind, found.name, found.key, found.volume) == told


def test_a_projected_volume_may_lack_several() -> None:
    found = complaints(SETUP + '[configmap "a" not found, secret "b" not found]')
    assert [(each.kind, each.name) for each in found] == [("ConfigMap", "a"), ("Secret", "b")]


@pytest.mark.parametrize("message", ["", "no", 'serviceaccount "web" not found', "timed out waiting for the condition"])
def test_what_speaks_of_something_else_is_no_complaint(message: str) -> None:
    assert complaints(message) == []


@given(st.text(max_size=300))
def test_any_text_is_read(message: str) -> None:
    complaints(message)
