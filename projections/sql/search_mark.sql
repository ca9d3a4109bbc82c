SELECT position FROM {schema}.search_marks WHERE generation = %s
