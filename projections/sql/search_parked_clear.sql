DELETE FROM {schema}.search_parked
