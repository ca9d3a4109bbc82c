INSERT INTO {schema}.search_generations (backend, generation) VALUES (%s, 1) ON CONFLICT DO NOTHING
