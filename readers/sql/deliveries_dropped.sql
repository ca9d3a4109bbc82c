SELECT subscription, key, position, error, reason, dropped_at FROM {log}.dropped_deliveries
WHERE %(subscription)s = '' OR subscription = %(subscription)s ORDER BY subscription, position
