"""Tables of state rows: what a process manager keeps besides its aggregates."""
