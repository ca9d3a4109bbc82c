DELETE FROM {delivery_keys} AS k WHERE subscription = %s AND key = %s
    AND NOT EXISTS (SELECT FROM {deliveries} AS d WHERE d.subscription = k.subscription AND d.key = k.key)
