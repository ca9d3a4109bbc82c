CREATE INDEX IF NOT EXISTS {time_index} ON {ledger} (recorded_at, last)
