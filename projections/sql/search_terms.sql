SELECT {field}, count(*) FROM {documents} WHERE {conditions} AND {field} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(terms)s
