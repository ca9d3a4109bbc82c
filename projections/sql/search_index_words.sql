CREATE INDEX IF NOT EXISTS {index} ON {documents} USING gin (words)
