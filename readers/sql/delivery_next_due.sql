SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM {delivery_keys}
WHERE subscription = %s AND parked_at IS NULL
