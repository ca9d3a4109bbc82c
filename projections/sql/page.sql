SELECT id, created, valid_from, doc::text, (SELECT position FROM {checkpoints} WHERE name = %(model)s) FROM {table}
WHERE {conditions}
ORDER BY created DESC LIMIT %(limit)s
