SELECT p, (SELECT recorded_at FROM {ledger} WHERE last >= p ORDER BY last LIMIT 1) FROM unnest(%s::bigint[]) AS p
