SELECT count(*) FROM (SELECT FROM {table} WHERE {conditions} LIMIT %(limit)s) AS matching
