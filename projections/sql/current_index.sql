CREATE INDEX IF NOT EXISTS {index} ON {table} ({leading}created DESC) WHERE valid_to IS NULL
