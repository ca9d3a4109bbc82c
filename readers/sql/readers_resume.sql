UPDATE {schema}.readers SET paused = false, resumes = resumes + 1 WHERE name = %s
