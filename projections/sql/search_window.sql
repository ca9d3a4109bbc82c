SELECT document, text FROM {documents} WHERE position > %s AND position <= %s ORDER BY position, id LIMIT %s
