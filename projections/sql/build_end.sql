DELETE FROM {schema}.builds WHERE name = %s
