CREATE UNIQUE INDEX IF NOT EXISTS {row} ON {table} (id, valid_from)
