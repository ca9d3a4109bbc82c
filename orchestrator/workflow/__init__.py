"""Workflows: definitions, conditions, the driver, its timers."""
