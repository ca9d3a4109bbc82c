CREATE INDEX IF NOT EXISTS {index} ON {table} ({leading}created DESC, valid_from)
