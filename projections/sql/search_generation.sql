SELECT generation FROM {schema}.search_generations WHERE backend = %s
