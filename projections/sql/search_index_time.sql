CREATE INDEX IF NOT EXISTS {index} ON {documents} (occurred_at, id)
