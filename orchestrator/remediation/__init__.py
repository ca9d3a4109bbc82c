"""Remediations: proposal, approval, execution, verification, undo."""
