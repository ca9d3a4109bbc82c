INSERT INTO {checkpoints} AS c (name, position) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE c.position = 0 AND excluded.position > 0
RETURNING position
