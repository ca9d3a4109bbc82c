"""What keeps the log in shape: partitions, leadership, anchoring, archiving, and where it stands."""
