INSERT INTO {schema}.readers (name, paused) VALUES (%s, true) ON CONFLICT (name) DO UPDATE SET paused = true
