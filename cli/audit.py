"""`aetherius audit`: proves that the log is as it was written, and hands out evidence that can be checked without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.log_address import DsnOption, own_sealing
from aetherius.cli.missing import explained

if TYPE_CHECKING:
    from psycopg import Connection

    from aetherius.event_store.audit.bundle_file import Selection

app = typer.Typer(
    help="Prove that the log is as it was written, and hand out evidence that can be checked without it.",
    no_args_is_help=True,
)
OutOption = Annotated[Path, typer.Option("-o", "--output", help="File to write; - is standard output.")]


@app.command()
def verify(
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    proof: Annotated[Path | None, typer.Option(help="Check this proof instead; needs no database.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Check this bundle instead; needs no database.")] = None,
    anchor: Annotated[
        str, typer.Option(help="File or bucket (URL) of anchors; default: what `up` wrote, for its own log.")
    ] = "",
    key_id: Annotated[
        str, typer.Option(help="Id of the platform's key (or more of its SHA-256); default: of the key of `up`.")
    ] = "",
) -> None:
    """Check every event and every ledger row, or a proof, or a bundle; exit 1 and name the positions if something was changed, removed or inserted."""
    from aetherius.cli import audit_evidence

    if proof is not None and bundle is not None:
        raise typer.BadParameter("give either --proof or --bundle")
    with explained(), _refused():
        if proof is not None:
            audit_evidence.verify_proof(proof, anchor, key_id)
        elif bundle is not None:
            audit_evidence.verify_bundle(bundle, anchor, key_id)
        else:
            _verify_log(DataFolder.at(data), dsn, anchor, key_id)


@app.command()
def prove(
    position: Annotated[int, typer.Argument(min=1, help="Of the event.")],
    output: OutOption,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Write the proof of one event: it can be checked without the log."""
    with explained(), _refused():
        from aetherius.event_store.audit.evidence import prove as prove_event

        with _connected(DataFolder.at(data), dsn) as connection:
            proof = prove_event(connection, position)
        _write(output, proof.encode())
    typer.echo(
        f"position {position} is in the entry that ends at {proof.entry.last}, hash {proof.entry.hash}", err=True
    )


@app.command()
def export(
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write (JSON lines, gzip).")],
    first: Annotated[int | None, typer.Option(min=1, help="First position.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Last position, included.")] = None,
    since: Annotated[str, typer.Option(help="Recorded then or after: 2026-11-23T12:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Recorded before.")] = "",
    incident: Annotated[UUID | None, typer.Option(help="All that tells its story.")] = None,
    key: Annotated[
        Path | None, typer.Option(envvar="AETHERIUS_SIGNING_KEY_FILE", help="To sign with; default: the key of `up`.")
    ] = None,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Write a signed bundle of events with their proofs: of a range of positions, of a time, or of one incident."""
    with explained(), _refused():
        from aetherius.event_store.audit.bundle_file import IncidentStory, PositionRange, TimeRange

        selection: Selection
        match (first, last, since, until, incident):
            case (int(), int(), "", "", None):
                selection = PositionRange(first, last)
            case (None, None, str(), str(), None) if since and until:
                selection = TimeRange(_time("--since", since), _time("--until", until))
            case (None, None, "", "", UUID()):
                selection = IncidentStory(incident)
            case _:
                raise typer.BadParameter("give --first and --last, or --since and --until, or --incident")
        _export(DataFolder.at(data), dsn, key, output, selection)


def _verify_log(folder: DataFolder, dsn: str, anchor: str, key_id: str) -> None:
    from aetherius.cli.audit_evidence import opened_anchors
    from aetherius.event_store.audit.ledger_audit import verify as verify_log

    if not dsn:  # our own log: it has anchors and a key of its own
        anchor = anchor or (str(folder.anchors) if folder.anchors.exists() else "")
        key_id = key_id or _own_key_id(folder)
    with _connected(folder, dsn) as connection:
        report = verify_log(connection, anchors=opened_anchors(anchor, key_id))
    typer.echo(
        f"{report.events} events in {report.entries} batches, {report.anchors} anchors, head at {report.head.position} ({report.head.hash.hex()})"
    )
    for finding in report.findings:
        typer.secho(f"{finding.position}: {finding.wrong}: {finding.detail}", fg="red")
    if report.total > len(report.findings):
        typer.secho(f"and {report.total - len(report.findings)} more", fg="red")
    if not report.intact:
        raise typer.Exit(1)
    typer.secho("intact: every leaf, root, chain hash and anchor agrees", fg="green")


def _export(folder: DataFolder, dsn: str, key_file: Path | None, output: Path, selection: Selection) -> None:
    from aetherius.event_store.audit.evidence import export as export_bundle
    from aetherius.runtime.signing_key import SigningKey

    key_file = key_file or folder.signing_key
    if not key_file.exists():
        typer.secho(f"no key in {key_file}: give --key", fg="red", err=True)
        raise typer.Exit(2)
    key, sealing = SigningKey.load_or_create(key_file), own_sealing(folder)
    beside = output.with_name(output.name + ".new")
    try:
        with _connected(folder, dsn) as connection, _private(beside) as file:
            manifest = export_bundle(connection, file, selection, key, datetime.now(UTC), sealing)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    typer.echo(
        f"{manifest.events} events and {manifest.entries} ledger entries up to the head at {manifest.head.position}, "
        f"signed by key {key.public.fingerprint}"
    )


def _own_key_id(folder: DataFolder) -> str:
    from aetherius.runtime.signing_key import SigningKey

    return SigningKey.load_or_create(folder.signing_key).public.fingerprint if folder.signing_key.exists() else ""


@contextmanager
def _refused() -> Iterator[None]:
    """What the log, a key or a place of anchors refuses becomes a sentence and an exit code."""
    from aetherius.domain.errors import DomainError, InfrastructureError

    try:
        yield
    except (DomainError, InfrastructureError) as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(2 if isinstance(exc, DomainError) else 1) from exc


@contextmanager
def _connected(folder: DataFolder, dsn: str) -> Iterator[Connection[Any]]:
    """A connection to the log."""
    import psycopg

    try:
        with psycopg.connect(dsn or _embedded(folder), connect_timeout=10) as connection:
            yield connection
    except psycopg.OperationalError as exc:
        typer.secho(f"PostgreSQL does not answer: {exc}", fg="red", err=True)
        raise typer.Exit(75) from exc


def _embedded(folder: DataFolder) -> str:
    password, port = folder.postgres / "password", folder.postgres / "port"
    if not (password.exists() and port.exists()):
        typer.secho(f"no embedded log in {folder.postgres}: start `aetherius up`, or give --dsn", fg="red", err=True)
        raise typer.Exit(2)
    os.environ["PGPASSWORD"] = password.read_text().strip()
    return f"host=127.0.0.1 port={port.read_text().strip()} user=postgres dbname=postgres"


@contextmanager
def _private(path: Path) -> Iterator[Any]:
    """A new file that only its owner can read, synced at the end: evidence may hold what nobody else should see."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    if str(path) == "-":
        typer.echo(content.decode(), nl=False)
        return
    path.unlink(missing_ok=True)
    with _private(path) as file:
        file.write(content)


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{option} is no time: {text}") from exc
    if time.tzinfo is None:
        raise typer.BadParameter(f"{option} needs a zone, as in 2026-11-23T12:00:00Z")
    return time
