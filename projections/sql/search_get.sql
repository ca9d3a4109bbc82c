SELECT document, text FROM {documents} WHERE id = ANY(%s)
