CREATE INDEX IF NOT EXISTS {index} ON {intervals} (known_level, valid_from DESC) WHERE known_level IS NOT NULL
