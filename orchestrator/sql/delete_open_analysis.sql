DELETE FROM aetherius.open_analyses WHERE analysis_id = %s
