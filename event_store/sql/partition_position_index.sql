CREATE UNIQUE INDEX {partition_position} ON {schema}.{partition} (notification_id)
