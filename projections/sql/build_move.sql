UPDATE {schema}.builds SET position = %s, timeline = %s WHERE name = %s
