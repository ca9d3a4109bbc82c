"""The rules of a workflow: its definition, its events, its state, and what is due. Pure."""
