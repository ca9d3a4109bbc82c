COPY {table} (id, created, valid_from, valid_to, {names}, doc) FROM STDIN
