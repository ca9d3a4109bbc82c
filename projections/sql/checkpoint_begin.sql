INSERT INTO {checkpoints} (name, position) VALUES (%s, 0) ON CONFLICT DO NOTHING
