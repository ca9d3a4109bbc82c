UPDATE {checkpoints} SET position = %s WHERE name = ANY(%s)
