SELECT count(*) FROM {schema}.search_parked
