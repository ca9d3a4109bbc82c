"""What leaves the log for the internal bus."""
