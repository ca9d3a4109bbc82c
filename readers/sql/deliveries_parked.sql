SELECT k.subscription, k.key, d.position, k.attempts, k.error, k.parked_at,
    (SELECT count(*) - 1 FROM {deliveries} AS b WHERE b.subscription = k.subscription AND b.key = k.key)
FROM {delivery_keys} AS k
CROSS JOIN LATERAL (
    SELECT min(position) AS position FROM {deliveries} AS d WHERE d.subscription = k.subscription AND d.key = k.key
) AS d
WHERE k.parked_at IS NOT NULL AND (%(subscription)s = '' OR k.subscription = %(subscription)s)
ORDER BY k.subscription, d.position
