SELECT document, text FROM {documents} WHERE {conditions} ORDER BY {field} {order}, id {order} LIMIT %(limit)s
