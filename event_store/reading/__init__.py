"""Reads: pages by position, streams, stretches, timelines, and following the log."""
