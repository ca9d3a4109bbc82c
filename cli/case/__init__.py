"""Cases: what a cluster's watches gave, played through the real path on a log in memory, by a clock of its own."""
