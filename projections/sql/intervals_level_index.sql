CREATE INDEX IF NOT EXISTS {index} ON {intervals} (level, occurred_from DESC, created DESC) WHERE level IS NOT NULL
