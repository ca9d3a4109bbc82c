CREATE UNIQUE INDEX IF NOT EXISTS {current_row} ON {table} (id) WHERE valid_to IS NULL
