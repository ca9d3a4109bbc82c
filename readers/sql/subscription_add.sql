INSERT INTO {log}.subscriptions (name) VALUES (%s) ON CONFLICT DO NOTHING
