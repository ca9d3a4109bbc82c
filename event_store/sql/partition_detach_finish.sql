ALTER TABLE {events} DETACH PARTITION {schema}.{partition} FINALIZE
