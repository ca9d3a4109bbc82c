DELETE FROM {checkpoints} WHERE name = %s
