"""The command line: `aetherius demo | up | serve | settings | agent | enroll | simulate | approve | archive | audit | case | dead-letters | freeze | keys | log | migrate | projections | reject | repairs | search | search-index | subscriptions`. Rooms are imported when a command needs them."""

from __future__ import annotations

import typer

from aetherius.cli import (
    agent,
    approve,
    archive,
    audit,
    case_command,
    dead_letters,
    demo_command,
    freeze,
    keys,
    log,
    migrate,
    projections,
    repairs,
    search,
    search_index,
    serve,
    settings,
    simulate,
    subscriptions,
    up,
)

app = typer.Typer(
    name="aetherius",
    help="Watches many Kubernetes clusters, explains what broke, repairs it, and can show every step at any later time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo_command.demo)
app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("settings")(settings.settings)
app.command("agent")(agent.agent)
app.command("enroll")(agent.enroll)
app.command("simulate")(simulate.simulate)
app.command("approve")(approve.approve)
app.command("reject")(approve.reject)
app.add_typer(archive.app, name="archive")
app.add_typer(audit.app, name="audit")
app.add_typer(case_command.app, name="case")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(freeze.app, name="freeze")
app.add_typer(keys.app, name="keys")
app.add_typer(log.app, name="log")
app.command("migrate")(migrate.migrate)
app.add_typer(projections.app, name="projections")
app.add_typer(repairs.app, name="repairs")
app.command("search")(search.search)
app.add_typer(search_index.app, name="search-index")
app.add_typer(subscriptions.app, name="subscriptions")


if __name__ == "__main__":
    app()
