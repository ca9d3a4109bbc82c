UPDATE {checkpoints} SET position = %s WHERE name = %s
