(occurred_from, created) < ((SELECT occurred_at FROM {table} WHERE created = %(before)s AND valid_to IS NULL), %(before)s)
