SELECT k.key, k.error FROM {delivery_keys} AS k
WHERE k.subscription = %(subscription)s AND k.parked_at IS NOT NULL AND %(position)s = (
    SELECT min(position) FROM {deliveries} AS d WHERE d.subscription = k.subscription AND d.key = k.key
)
FOR UPDATE
