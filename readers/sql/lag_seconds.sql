SELECT greatest(0, extract(epoch FROM clock_timestamp() - recorded_at))::float8 FROM {ledger}
WHERE last > %s ORDER BY last LIMIT 1
