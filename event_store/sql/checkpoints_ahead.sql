SELECT name, position FROM {checkpoints} WHERE position > %s ORDER BY name
