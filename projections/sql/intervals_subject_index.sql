CREATE INDEX IF NOT EXISTS {index} ON {intervals} (subject, occurred_from DESC, created DESC)
