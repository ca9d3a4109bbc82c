CREATE INDEX IF NOT EXISTS delivery_keys_due ON {delivery_keys} (subscription, due_at) WHERE parked_at IS NULL
