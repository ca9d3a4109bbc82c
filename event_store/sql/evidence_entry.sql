SELECT first, last, n,
    CASE WHEN isfinite(recorded_at) THEN (extract(epoch FROM recorded_at) * 1000000)::bigint ELSE -1 END,
    root, prev_hash, hash, leaves
FROM {ledger} WHERE last >= %s ORDER BY last LIMIT 1
