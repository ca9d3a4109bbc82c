SELECT name, position FROM {checkpoints} ORDER BY name
