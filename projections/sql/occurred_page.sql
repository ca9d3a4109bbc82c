SELECT t.id, t.created, t.valid_from, t.doc::text, (SELECT position FROM {checkpoints} WHERE name = %(model)s)
FROM ({found}) AS found JOIN {table} AS t ON t.id = found.id
ORDER BY found.occurred_from DESC, found.created DESC
