"""The part of a service's settings that says where the search index is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aetherius.runtime.settings.shared import DatabaseSettings


@dataclass(frozen=True, kw_only=True, repr=False)
class SearchSettings(DatabaseSettings):
    """Elasticsearch if it has an address, else PostgreSQL's full text, in the database of the service."""

    elasticsearch_url: str = ""
    """Where Elasticsearch is (`https://...`); empty: PostgreSQL's full text serves searches."""
    elasticsearch_user: str = ""
    """For basic authentication."""
    elasticsearch_password: str = ""
    """Of that user."""
    elasticsearch_api_key: str = ""
    """Instead of a user."""
    elasticsearch_secret_file: Path | None = None
    """File that holds the password, or the API key if no user is named."""
    elasticsearch_ca_file: Path | None = None
    """Certificates of who signs the server's; none: those of the system."""
    elasticsearch_prefix: str = "aetherius"
    """Of the names of all indices and templates: another one for each installation that shares a cluster."""
