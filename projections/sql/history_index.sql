CREATE INDEX IF NOT EXISTS {index} ON {table} ({leading}created DESC, coalesce(valid_to, 9223372036854775807), valid_from)
