"""What a pod's configuration refers to, what the server tells of it, and who makes it."""
