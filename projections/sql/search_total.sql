SELECT count(*) FROM (SELECT FROM {documents} WHERE {conditions} LIMIT %(most)s) AS found
