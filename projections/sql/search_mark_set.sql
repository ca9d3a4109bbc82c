INSERT INTO {schema}.search_marks AS kept (generation, position) VALUES (%s, %s)
ON CONFLICT (generation) DO UPDATE SET position = greatest(kept.position, excluded.position)
