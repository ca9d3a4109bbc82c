"""Checks of evidence on its own, as an auditor does them: no database, no network, only the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from aetherius.event_store.audit import bundle_check, proof
from aetherius.event_store.audit.anchor import Anchor, AnchorFile, AnchorSink, AnchorUnavailableError
from aetherius.event_store.audit.bundle_check import BundleReport


def verify_proof(file: Path, anchor: str, key_id: str) -> None:
    """Say whether a proof holds, and whether its entry was anchored; exit 1 if not."""
    try:
        with file.open("rb") as opened:
            checked = proof.check(opened.read(proof.MAX_PROOF))
    except OSError as exc:
        raise typer.BadParameter(f"cannot read {file}: {exc.strerror}") from exc
    if checked.fault or checked.proof is None:
        _fail(checked.fault)
        return
    event, entry = checked.proof.event, checked.proof.entry
    typer.echo(f"position {event.position}: {event.topic} of stream {event.stream_id}, version {event.version}")
    typer.echo(f"recorded in the entry of positions {entry.first} to {entry.last}, hash {entry.hash}")
    noted = _noted(anchor, key_id).get(entry.last) if anchor else None
    if noted is not None and noted != entry.hash:
        _fail(f"another hash was anchored at {entry.last}: {noted}")
    how = (
        "that hash was anchored"
        if noted
        else "compare that hash with one you trust: an anchor, or a bundle that reaches one"
    )
    typer.secho(f"the proof holds; {how}", fg="green")


def verify_bundle(file: Path, anchor: str, key_id: str) -> None:
    """Say whether a bundle holds, and who signed it; exit 1 and name what does not."""
    noted = _noted(anchor, key_id) if anchor else {}
    try:
        with file.open("rb") as opened:
            report = bundle_check.check(opened, key_id, noted)
    except OSError as exc:
        raise typer.BadParameter(f"cannot read {file}: {exc.strerror}") from exc
    _describe(report)
    for finding in report.findings:
        at = "" if finding.position is None else f"position {finding.position}: "
        typer.secho(f"{finding.part}: {at}{finding.detail}", fg="red")
    if not report.intact:
        _fail(f"the bundle does not hold: {report.total} findings")
    if not key_id:
        typer.secho("give --key-id to be sure that it is the platform's key: anybody can sign", fg="yellow")
    typer.secho("the bundle holds: signature, every proof, and the chain to the head", fg="green")


def opened_anchors(place: str, key_id: str) -> Iterator[Anchor]:
    """The anchors in a file or bucket; none if no place is given."""
    if not place:
        return iter(())
    sink: AnchorSink
    if "://" in place:
        from aetherius.event_store.audit.anchor_bucket import AnchorBucket

        sink = AnchorBucket(place)
    else:
        sink = AnchorFile(Path(place))
    return sink.anchors(key_id)


def _noted(place: str, key_id: str) -> dict[int, str]:
    noted: dict[int, str] = {}
    try:
        for anchor in opened_anchors(place, key_id):
            if anchor.fault:
                _fail(f"{place}, {anchor.where}: {anchor.fault}")
            noted[anchor.position] = anchor.hash.hex()
    except AnchorUnavailableError as exc:
        raise typer.BadParameter(str(exc)) from exc
    return noted


def _describe(report: BundleReport) -> None:
    if (manifest := report.manifest) is None:
        return
    typer.echo(f"made {manifest.made_at.isoformat()}, of {manifest.selection}")
    typer.echo(
        f"{report.events} events, {report.entries} ledger entries, {report.anchors} anchors met, "
        f"head at {manifest.head.position} ({manifest.head.hash})"
    )
    typer.echo(f"signed by key {manifest.key_id}")


def _fail(reason: str) -> None:
    typer.secho(reason, fg="red")
    raise typer.Exit(1)
