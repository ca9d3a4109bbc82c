CREATE TABLE {schema}.{partition} (LIKE {events} INCLUDING INDEXES INCLUDING STORAGE)
WITH (autovacuum_analyze_scale_factor = 0.02)
