UPDATE {schema}.builds SET indexed = true WHERE name = %s
