"""Events in: from JetStream, checked, into the log."""
