"""What the demo leaves for programs (`build/demo.json`) and for people (queries to try)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from aetherius.cli.demo.story import Story


def write_summary(path: Path, stories: list[Story], graphql_url: str, seconds: float) -> None:
    """Write the summary as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "ok": bool(stories) and all(story.right for story in stories),
        "seconds": round(seconds, 1),
        "graphql": graphql_url,
        "faults": [_summary(story) for story in stories],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")


def _summary(story: Story) -> dict[str, Any]:
    return {
        "fault": story.fault.title,
        "cluster": story.fault.cluster,
        "incident": story.incident_id,
        "root_cause": story.root_cause,
        "confidence": story.confidence,
        "repair": story.verified,
        "status": story.status,
        "right": story.right,
        "wrong": story.wrong(),
        "seconds_to_detection": story.seconds_to("opened"),
        "seconds_to_diagnosis": story.seconds_to("diagnosed"),
        "seconds_to_repair": story.seconds_to("verified"),
        "seconds_to_end": story.seconds_to("resolved"),
    }


def queries(stories: list[Story]) -> list[tuple[str, str]]:
    """Three queries to try, with what each shows."""
    told = next((story for story in stories if story.incident_id), None)
    incident = told.incident_id if told else "ID"
    before = told.position_before_repair if told else 1
    return [
        (
            "incidents now",
            "{ incidents(first: 5) { edges { node { name status diagnosis { rootCause confidence } } } } }",
        ),
        (
            f"the same list as of position {before}, just before the first repair",
            f"{{ incidents(first: 5, asOf: {{position: {before}}}) {{ edges {{ node {{ name status diagnosis {{ rootCause confidence }} }} }} }} }}",
        ),
        (
            "an incident's whole history, with what each event changed",
            f'{{ history(streamId: "{incident}") {{ entry {{ position type actor }} diff {{ path before after }} }} }}',
        ),
    ]
