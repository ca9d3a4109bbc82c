ALTER TABLE {events} ATTACH PARTITION {schema}.{partition} FOR VALUES FROM ({first}) TO ({end})
