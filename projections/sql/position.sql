SELECT position FROM {checkpoints} WHERE name = %(model)s
