DELETE FROM {table} WHERE valid_to <= %(before)s
