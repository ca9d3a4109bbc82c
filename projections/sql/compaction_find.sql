SELECT position FROM {schema}.compactions WHERE name = %s
