SELECT position FROM {checkpoints} WHERE name = %s FOR UPDATE
