"""Why a pull failed, by real runtimes' words; and texts that are made to take long."""

from __future__ import annotations

import time

import pytest

from aetherius.domain.diagnosis import pull_failure
from aetherius.domain.diagnosis.pull_failure import cause_of_pull
from aetherius.domain.diagnosis.termination import terminations_in

UNPACK = 'rpc error: code = {} desc = failed to pull and unpack image "docker.io/shop/web:9": failed to resolve reference "docker.io/shop/web:9": '


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (UNPACK.format("NotFound") + "docker.io/shop/web:9: not found", pull_failure.NOT_FOUND),
        ("Error response from daemon: manifest for shop/web:9 not found: manifest unknown", pull_failure.NOT_FOUND),
        ("reading manifest c in quay.io/a/b: manifest unknown", pull_failure.NOT_FOUND),
        ('failed to resolve reference "shop/unauthorized-timeout:429": manifest unknown', pull_failure.NOT_FOUND),
        ("content at https://r.io/v2/a/blobs/sha256:1 not found: not found", pull_failure.REGISTRY),
        ("unexpected commit digest sha256:cd, expected sha256:ab: failed precondition", pull_failure.REGISTRY),
        ("(Client.Timeout exceeded while awaiting headers)", pull_failure.REGISTRY),
        ("dial tcp: lookup registry.example: no such host", pull_failure.REGISTRY),
        ("unauthorized: authentication required", pull_failure.UNAUTHORISED),
        ("unable to retrieve auth token: invalid username/password", pull_failure.UNAUTHORISED),
        ("repository shop/web not found: does not exist or no pull access", pull_failure.UNAUTHORISED),
        ("invalid status code from registry 403 (Forbidden)", pull_failure.UNAUTHORISED),
        ("toomanyrequests: Rate exceeded", pull_failure.RATE_LIMIT),
        (UNPACK.format("NotFound") + "no match for platform in manifest: not found", pull_failure.ARCHITECTURE),
        ("no image found in image index for architecture arm64", pull_failure.ARCHITECTURE),
        ("failed to register layer: no space left on device", pull_failure.DISK),
        ("failed to extract layer: content store: content digest sha256:1: not found", pull_failure.RUNTIME),
        ("parent snapshot sha256:1 does not exist: not found", pull_failure.RUNTIME),
        ('desc = "transport: Error while dialing: dial unix /run/c.sock: no such file"', pull_failure.RUNTIME),
        ("unexpected media type text/html for sha256:1: not found", pull_failure.REGISTRY),
        ('unable to retrieve pull secret: secret "regcred" not found', pull_failure.UNAUTHORISED),
        ("User: x is not authorized to perform: ecr:BatchGetImage", pull_failure.UNAUTHORISED),
        ('Back-off pulling image "shop/not-found:1"', ""),
        ("", ""),
    ],
)
def test_the_cause_is_told_by_the_runtimes_words(message: str, cause: str) -> None:
    assert cause_of_pull("ErrImagePull", message) == cause


@pytest.mark.parametrize("unit", ["a", "a/", '"', "a:", "/a", "a-", "https://", "lookup ", "no match for ", "  a:\n"])
def test_a_text_of_any_make_costs_no_more_than_its_length(unit: str) -> None:
    text = unit * (2**18 // len(unit))
    begun = time.process_time()
    cause_of_pull("ErrImagePull", text)
    list(terminations_in("look", text))
    assert time.process_time() - begun < 5, "seconds; what is worse than linear takes hours"
