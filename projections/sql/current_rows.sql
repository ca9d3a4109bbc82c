SELECT id, created, valid_from, doc::text FROM {table} WHERE id = ANY(%b) AND valid_to IS NULL
