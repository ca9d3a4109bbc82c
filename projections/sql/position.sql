SELECT position FROM {checkpoints} WHERE name = %(name)s
