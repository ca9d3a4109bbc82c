"""What the world may refuse to a process: leaves of the one tree in `aetherius.domain.errors`.

InfrastructureError
+-- FolderInUseError         another process holds the data folder
+-- FolderUnreachableError   the user that a server must run as cannot enter a folder
+-- PortTakenError           another program listens on the port that was asked for
+-- ProgramMissingError      a server's program is not installed
+-- ChildFailedError         a child process ended, or was not ready in time
+-- CredentialsError         a credentials file is missing, malformed or readable by others
+-- BrokerUnavailableError   NATS does not answer, or too late
+-- DatabaseUnavailableError PostgreSQL does not answer
+-- TablesMissingError       the database lacks what this version needs: `aetherius migrate`
+-- MigrationRunsError       another process migrates, and does not come to an end
+-- MigrationBlockedError    a table that a migration changes is in use all the time

AetheriusError
+-- MigrationChangedError    a migration was applied with another text than it has now
+-- MigrationFailedError     PostgreSQL refused a migration: a right is wanting, or rows stand against it
+-- MigrationMalformedError  a migration's file is not named as it must be
+-- SettingError             a setting is missing or malformed
+-- ServiceEndedError        a task that should run for ever has ended: a fault of ours
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aetherius.domain.errors import AetheriusError, InfrastructureError


class FolderInUseError(InfrastructureError):
    """Another living process holds the folder's lock. Attributes: `folder`, `holder` (pid and command line, in words)."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"the data folder {folder} is in use by {holder}: stop that first, or choose another folder")
        self.folder = folder
        self.holder = holder


class FolderUnreachableError(InfrastructureError):
    """A user may not pass a folder. Attributes: `folder`, `user`, `needed_for` (the path behind it)."""

    def __init__(self, folder: Path, user: str, needed_for: Path) -> None:
        super().__init__(
            f"user {user!r} cannot enter {folder} (needed for {needed_for}): "
            f"choose a folder that every user can reach, or `chmod o+x {folder}`"
        )
        self.folder = folder
        self.user = user
        self.needed_for = needed_for


class PortTakenError(InfrastructureError):
    """Another program listens on a port. Attributes: `port`, `what` (who wanted it)."""

    def __init__(self, port: int, what: str) -> None:
        super().__init__(f"port {port} on 127.0.0.1, wanted by {what}, is taken: free it or choose another")
        self.port = port
        self.what = what


class ProgramMissingError(InfrastructureError):
    """A program is not installed. Attributes: `program`, `package` (where it comes from)."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} is not installed: it comes with the package {package} (`make demo` installs it)")
        self.program = program
        self.package = package


class ChildFailedError(InfrastructureError):
    """A child process ended or was not ready in time. Attributes: `name`, `reason`, `log_file` (its output, may be None)."""

    def __init__(self, name: str, reason: str, log_file: Path | None = None) -> None:
        where = f"; see {log_file}" if log_file else ""
        super().__init__(f"{name} {reason}{where}{_tail(log_file)}")
        self.name = name
        self.reason = reason
        self.log_file = log_file


class CredentialsError(InfrastructureError):
    """A credentials file cannot be used. Attributes: `path`, `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"credentials file {path}: {reason}")
        self.path = path
        self.reason = reason


class SettingError(InfrastructureError):
    """A setting of the environment cannot be used. Attributes: `name` (of the variable), `rule`."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"{name} {rule}")
        self.name = name
        self.rule = rule


class ServiceEndedError(AetheriusError):
    """A task that should run until told to stop has returned. Attribute: `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} ended, though nothing asked it to stop")
        self.name = name


def _tail(log_file: Path | None, lines: int = 5) -> str:
    if log_file is None or not log_file.exists():
        return ""
    last = log_file.read_text(errors="replace").splitlines()[-lines:]
    return "".join(f"\n  | {line}" for line in last)


class BrokerUnavailableError(InfrastructureError):
    """NATS did not confirm; what was sent may have arrived. Safe to repeat: everything we send has a deterministic id."""


class DatabaseUnavailableError(InfrastructureError):
    """PostgreSQL does not answer, or broke off. Safe to repeat."""


class TablesMissingError(InfrastructureError):
    """The database lacks what this version needs. Attribute: `missing`, in words."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"the database lacks {'; '.join(missing)}. Run `aetherius migrate`")
        self.missing = missing


class MigrationRunsError(InfrastructureError):
    """Another process migrates the database. Nothing was changed; safe to repeat."""

    def __init__(self) -> None:
        super().__init__("another process migrates the database, and has not come to its end: try again")


class MigrationBlockedError(InfrastructureError):
    """A table is in use all the time. What was made before stands; safe to repeat. Attribute: `what`."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs a table to itself, which is in use all the time: end long transactions, try again"
        )
        self.what = what


class MigrationChangedError(AetheriusError):
    """Applied migrations have another text now: a released file is never changed, a new one is added. Attribute: `migrations`."""

    def __init__(self, migrations: Sequence[str]) -> None:
        super().__init__(
            f"applied with another text than now: {', '.join(migrations)}. This version's files were changed, or another's were applied"
        )
        self.migrations = migrations


class MigrationFailedError(AetheriusError):
    """PostgreSQL refused a statement of a migration. What was made before stands; safe to repeat. Attributes: `migration`, `reason`."""

    def __init__(self, migration: str, reason: str) -> None:
        super().__init__(f"migration {migration} was refused: {reason}")
        self.migration = migration
        self.reason = reason


class MigrationMalformedError(AetheriusError):
    """A migration's file cannot be read as one. Attributes: `migration`, `rule`."""

    def __init__(self, migration: str, rule: str) -> None:
        super().__init__(f"migration {migration} {rule}")
        self.migration = migration
        self.rule = rule
