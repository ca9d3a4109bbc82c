UPDATE {schema}.archived SET url = %s WHERE url = %s RETURNING name
