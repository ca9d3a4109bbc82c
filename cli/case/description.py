"""Objects as `kubectl describe` prints them, as far as anybody reads that here: pods, and what has conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]


def describe(document: Document, events: Iterable[Document]) -> str:
    """The whole text, with the events of the object at its end."""
    lines = [*_head(document)]
    if document["kind"] == "Pod":
        lines += _containers(document)
    return "\n".join([*lines, *_conditions(document), *_events(events)]) + "\n"


def _head(document: Document) -> Iterator[str]:
    metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
    yield f"Name:             {metadata['name']}"
    if metadata.get("namespace"):
        yield f"Namespace:        {metadata['namespace']}"
    if spec.get("nodeName"):
        yield f"Node:             {spec['nodeName']}"
    if metadata.get("deletionTimestamp"):
        yield f"Status:           Terminating (since {metadata['deletionTimestamp']})"
    elif status.get("phase"):
        yield f"Status:           {status['phase']}"
    for field in ("reason", "message"):
        if status.get(field):
            yield f"{field.title() + ':':17} {status[field]}"
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            yield f"Controlled By:    {owner['kind']}/{owner['name']}"


def _containers(pod: Document) -> Iterator[str]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    for title, specs, statuses in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        known = {each["name"]: each for each in status.get(statuses) or ()}
        wanted = {each["name"]: each for each in spec.get(specs) or ()}
        if names := list(dict.fromkeys([*wanted, *known])):
            yield f"{title}:"
            for name in names:
                yield from _container(name, wanted.get(name) or {}, known.get(name) or {})


def _container(name: str, wanted: Document, known: Document) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    Image:          {wanted.get('image') or known.get('image') or ''}"
    yield from _state("State", known.get("state") or {})
    yield from _state("Last State", known.get("lastState") or {})
    yield f"    Ready:          {bool(known.get('ready'))}"
    yield f"    Restart Count:  {known.get('restartCount', 0)}"
    for title in ("limits", "requests"):
        if quantities := (wanted.get("resources") or {}).get(title):
            yield f"    {title.title()}:"
            yield from (f"      {resource}:  {quantity}" for resource, quantity in quantities.items())


def _state(title: str, state: Document) -> Iterator[str]:
    if terminated := state.get("terminated"):
        yield f"    {title + ':':15} Terminated"
        yield from _said(terminated)
        yield f"      Exit Code:    {terminated.get('exitCode', 0)}"
        yield f"      Started:      {_time(terminated.get('startedAt'))}"
        yield f"      Finished:     {_time(terminated.get('finishedAt'))}"
    elif waiting := state.get("waiting"):
        yield f"    {title + ':':15} Waiting"
        yield from _said(waiting)
    elif running := state.get("running"):
        yield f"    {title + ':':15} Running"
        yield f"      Started:      {_time(running.get('startedAt'))}"


def _said(state: Document) -> Iterator[str]:
    if state.get("reason"):
        yield f"      Reason:       {state['reason']}"
    if state.get("message"):
        yield f"      Message:      {state['message']}"


def _time(given: object) -> str:
    if not isinstance(given, str):
        return "Mon, 01 Jan 0001 00:00:00 +0000"
    return datetime.fromisoformat(given).astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


def _conditions(document: Document) -> Iterator[str]:
    conditions = (document.get("status") or {}).get("conditions") or ()
    if conditions:
        yield "Conditions:"
        yield "  Type              Status  Reason"
        for each in conditions:
            yield f"  {each.get('type', ''):17} {each.get('status', ''):7} {each.get('reason') or ''}"


def _events(events: Iterable[Document]) -> Iterator[str]:
    known = list(events)
    yield "Events:" if known else "Events:              <none>"
    for each in known:
        component = (each.get("source") or {}).get("component", "")
        yield f"  {each.get('type') or ''}  {each.get('reason') or ''}  {component}  {each.get('message') or ''}"
