"""The agent's side of the typed actions, one a file: how each is validated, simulated, done, verified and taken back."""
