UPDATE {schema}.search_generations SET generation = %s WHERE backend = %s
