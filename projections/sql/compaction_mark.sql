INSERT INTO {schema}.compactions AS c (name, position) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET position = greatest(c.position, excluded.position)
