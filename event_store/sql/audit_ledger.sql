SELECT first, last, n, recorded_at, root, prev_hash, hash, leaves FROM {ledger} ORDER BY last
