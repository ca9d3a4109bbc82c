"""Appends: one transaction for positions, events, ledger and checkpoint, gathered over threads."""
