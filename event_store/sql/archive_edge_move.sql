UPDATE {partitioning} SET archive_edge = %s WHERE archive_edge IS NULL OR archive_edge < %s
