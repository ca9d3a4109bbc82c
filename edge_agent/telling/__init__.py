"""What the agent says to the platform: spool, events, registration, heartbeat."""
