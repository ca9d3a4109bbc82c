CREATE INDEX IF NOT EXISTS {index} ON {intervals} (occurred_from DESC, created DESC) WHERE occurred_to IS NULL
