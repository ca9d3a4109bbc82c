DELETE FROM {schema}.compactions WHERE name = %s
