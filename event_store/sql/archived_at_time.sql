SELECT name, first, "end", rows, first_position, last_position, url,
    events_object, events_size, events_sha256, footer_size, footer_sha256, ledger_object, ledger_size, ledger_sha256, archived_at, restored, restores
FROM {schema}.archived WHERE first <= %s AND "end" > %s ORDER BY first_position
