INSERT INTO {checkpoints} AS c (name, position) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE c.position < excluded.position AND c.position = %s
RETURNING position
