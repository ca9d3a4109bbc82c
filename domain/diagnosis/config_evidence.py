"""What is known of an object that a pod's configuration refers to, in findings: what is seen, what is only said, and what nobody could see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from aetherius.domain.repair.pod_config import ConfigReference, ConfigSource, PodConfigAnswer
from aetherius.domain.wire.analysis import Evidence

LOOK: Final = "config"


def standing(reference: ConfigReference, look: PodConfigAnswer) -> Evidence:
    """Whether it exists."""
    what = f"{reference.kind} {look.namespace}/{reference.name}"
    by = f" (needed by {', '.join(reference.where[:3])})" if reference.where else ""
    match reference.state:
        case "exists":
            made = f", made at {reference.created:%F %T}" if reference.created else ""
            return Evidence(source=LOOK, finding=f"{what} exists now{made}{by}", weight=0.4)
        case "missing":
            return Evidence(source=LOOK, finding=f"{what} does not exist{by}", weight=0.6)
        case "unseen":
            seen = f"{what} cannot be seen by the agent{by}: what the kubelet says of it is all that is known"
            return Evidence(source=LOOK, finding=seen, weight=0.1)


def contents(reference: ConfigReference, key: str) -> Iterator[Evidence]:
    """Its keys, who wrote it last, and whether it can be written at all."""
    if reference.known_keys is not None and key not in reference.known_keys:
        held = ", ".join(reference.known_keys[:10]) or "none"
        yield Evidence(source=LOOK, finding=f"it has no key {key}; its keys: {held}", weight=0.5)
    if reference.changed:
        by = f" by {reference.changed_by}" if reference.changed_by else ""
        yield Evidence(source=LOOK, finding=f"it was last written at {reference.changed:%F %T}{by}", weight=0.3)
    if reference.immutable:
        finding = "it is immutable: it cannot be given the key, only be replaced by another one under another name"
        yield Evidence(source=LOOK, finding=finding, weight=0.4)


def elsewhere(reference: ConfigReference) -> Iterator[Evidence]:
    """Where there is one of its name."""
    if reference.elsewhere:
        found = ", ".join(f"{each}/{reference.name}" for each in reference.elsewhere[:5])
        finding = f"there is one in another namespace: {found}; a pod sees only its own namespace's"
        yield Evidence(source=LOOK, finding=finding, weight=0.5)


def delivery(source: ConfigSource, reference: ConfigReference, now: datetime) -> Iterator[Evidence]:
    """Who should make it, for how long that is awaited, and what he says."""
    who = f"{source.kind} {source.name}".strip()
    waited = source.awaited_for(now).total_seconds()
    finding = (
        f"{reference.kind} {reference.name} is awaited from {who}, for {waited:.0f} s (such a one is given {source.settle_seconds:.0f} s); "
        f"since {source.since:%F %T}"
    )
    yield Evidence(source=LOOK, finding=finding, weight=0.5)
    if source.said:
        yield Evidence(source=LOOK, finding=f"{who} says of itself: {source.said}", weight=0.5)
    if not source.mounted:
        finding = f"{who} delivers only while a pod mounts it, and no volume of this pod does"
        yield Evidence(source=LOOK, finding=finding, weight=0.5)


def partial(source: ConfigSource, reference: ConfigReference, key: str) -> Iterator[Evidence]:
    """Who makes it, and is content with what it made: without the key."""
    who = f"{source.kind} {source.name}".strip()
    finding = f"{reference.kind} {reference.name} is made by {who}, which says that all is well ({source.said}): it does not give the key {key}"
    yield Evidence(source=LOOK, finding=finding, weight=0.5)


def sibling(look: PodConfigAnswer) -> Iterator[Evidence]:
    """A pod of the same template that has what this one lacks."""
    if look.sibling and look.sibling_started:
        finding = f"pod {look.sibling} of the same template started at {look.sibling_started:%F %T}: it was there then"
        yield Evidence(source=LOOK, finding=finding, weight=0.4)
