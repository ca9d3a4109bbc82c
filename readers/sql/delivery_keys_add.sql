INSERT INTO {delivery_keys} AS k (subscription, key, due_at)
SELECT %s, key, clock_timestamp() FROM unnest(%s::text[]) AS key
ON CONFLICT (subscription, key) DO UPDATE SET key = excluded.key
