SELECT first, last, n,
    CASE WHEN isfinite(recorded_at) THEN (extract(epoch FROM recorded_at) * 1000000)::bigint ELSE -1 END,
    root, prev_hash, hash, leaves
FROM {ledger} AS l
WHERE last >= %s AND first <= %s
    AND EXISTS (SELECT FROM {events} AS e WHERE e.notification_id BETWEEN l.first AND l.last)
ORDER BY last
