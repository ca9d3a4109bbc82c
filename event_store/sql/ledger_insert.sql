INSERT INTO {ledger} (first, last, n, recorded_at, root, prev_hash, hash, leaves)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b)
