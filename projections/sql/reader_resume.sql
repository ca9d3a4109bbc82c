UPDATE {schema}.readers SET resumes = resumes + 1 WHERE name = %s AND status = 'parked'
