"""What many workloads or nodes may have in common that fails for all of them: one entry per kind of thing, and the rule when there are enough."""
