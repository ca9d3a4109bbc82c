"""Analyses: what is asked of a reasoner, and its answers."""
