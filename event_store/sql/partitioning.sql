SELECT days, archive_edge, clock_timestamp() FROM {partitioning}
