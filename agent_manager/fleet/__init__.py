"""The agents: registrations, heartbeats, who is alive, and what was not heard."""
