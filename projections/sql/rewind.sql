UPDATE {checkpoints} SET position = 0 WHERE name = %s
