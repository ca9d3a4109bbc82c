INSERT INTO {log}.dropped_deliveries (subscription, position, key, error, reason) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
