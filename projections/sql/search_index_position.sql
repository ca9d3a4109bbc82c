CREATE INDEX IF NOT EXISTS {index} ON {documents} (position, id)
