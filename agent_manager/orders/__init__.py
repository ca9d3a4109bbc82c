"""Commands out to the agents, and their results back."""
