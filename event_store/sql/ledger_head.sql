SELECT coalesce(l.last, 0), l.hash,
    (extract(epoch FROM greatest(clock_timestamp(), l.recorded_at)) * 1000000)::bigint
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT last, hash, recorded_at FROM {ledger} ORDER BY last DESC LIMIT 1) AS l ON true
