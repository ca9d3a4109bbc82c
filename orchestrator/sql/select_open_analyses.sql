SELECT analysis_id, cluster_id FROM aetherius.open_analyses
