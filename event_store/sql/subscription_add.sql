INSERT INTO {schema}.subscriptions (name) VALUES (%s) ON CONFLICT DO NOTHING
