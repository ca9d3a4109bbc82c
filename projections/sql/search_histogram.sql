SELECT {start}, count(*) FROM {documents} WHERE {conditions} GROUP BY 1 ORDER BY 1 LIMIT %(most)s
