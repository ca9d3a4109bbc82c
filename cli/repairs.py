"""`aetherius repairs`: whether a cluster may be changed, or repairs are tried only and said what would have been done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aetherius.cli.deciding import here, the_log
from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption
from aetherius.cli.missing import explained

app = typer.Typer(help="Whether repairs are done in a cluster, or tried only.", no_args_is_help=True)
Cluster = Annotated[str, typer.Argument(help="Id of the cluster.")]
Reason = Annotated[str, typer.Option(help="Why.")]


@app.command()
def on(cluster: Cluster, reason: Reason = "", data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Have approved repairs done in this cluster."""
    _set(cluster, "on", reason, data, dsn)
    typer.echo(f"approved repairs are done in {cluster}")


@app.command("dry-run")
def dry_run(cluster: Cluster, reason: Reason = "", data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Have approved repairs tried only, and said what would have been done. What is under way is seen through; `aetherius freeze` stops it."""
    _set(cluster, "dry_run", reason, data, dsn)
    typer.echo(f"approved repairs are tried only in {cluster}")


def _set(cluster_id: str, word: str, reason: str, data: Path, dsn: str) -> None:
    with explained(), the_log(dsn, data) as log:
        from aetherius.domain.cluster import Cluster, Repairs
        from aetherius.domain.identity import cluster_stream
        from aetherius.event_store.change import change
        from aetherius.runtime.clock import utc_now

        by = here()
        change(
            log,
            Cluster,
            cluster_stream(cluster_id),
            by,
            lambda cluster: cluster.set_repairs(Repairs(word), by, reason, utc_now()),
        )
