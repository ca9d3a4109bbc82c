"""What the cluster shows: watches, and what statuses and events mean."""
