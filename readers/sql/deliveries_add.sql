INSERT INTO {deliveries} (subscription, key, position)
SELECT %s, * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING
