UPDATE {delivery_keys} AS k
SET claim = %(claim)s, due_at = clock_timestamp() + %(lease)s, attempts = k.attempts + 1
FROM (
    SELECT key FROM {delivery_keys}
    WHERE subscription = %(subscription)s AND parked_at IS NULL AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT %(keys)s FOR UPDATE SKIP LOCKED
) AS free
WHERE k.subscription = %(subscription)s AND k.key = free.key
RETURNING k.key, k.attempts, ARRAY(
    SELECT d.position FROM {deliveries} AS d
    WHERE d.subscription = k.subscription AND d.key = k.key ORDER BY d.position LIMIT %(events)s
)
