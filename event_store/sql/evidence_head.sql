SELECT first, last, n, (extract(epoch FROM recorded_at) * 1000000)::bigint, root, prev_hash, hash, ''::bytea
FROM {ledger} ORDER BY last DESC LIMIT 1
