SELECT id, created, valid_from, doc::text FROM {table}
WHERE {conditions}
ORDER BY created DESC LIMIT %(limit)s
