SELECT position FROM {checkpoints} WHERE name = %s
