SELECT name, paused, resumes FROM {schema}.readers
