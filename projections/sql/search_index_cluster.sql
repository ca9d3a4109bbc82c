CREATE INDEX IF NOT EXISTS {index} ON {documents} (cluster_id, occurred_at, id)
