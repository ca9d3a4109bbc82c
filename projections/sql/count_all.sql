SELECT count(*) FROM {table} WHERE valid_from <= %(position)s
