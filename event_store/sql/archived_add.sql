INSERT INTO {schema}.archived (name, first, "end", rows, first_position, last_position, url,
    events_object, events_size, events_sha256, footer_size, footer_sha256, ledger_object, ledger_size, ledger_sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO NOTHING
