"""From reports to incidents, and an incident's life."""
