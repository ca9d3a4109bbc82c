INSERT INTO aetherius.open_analyses (analysis_id, cluster_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
