INSERT INTO aetherius.agent_sequences (cluster_id, state) VALUES (%s, %s)
ON CONFLICT (cluster_id) DO UPDATE SET state = EXCLUDED.state
