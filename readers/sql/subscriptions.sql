SELECT s.name, coalesce(c.position, 0),
    (SELECT count(*) FROM {deliveries} AS d WHERE d.subscription = s.name),
    (SELECT count(*) FROM {delivery_keys} AS k WHERE k.subscription = s.name AND k.parked_at IS NULL AND k.error <> ''),
    (SELECT count(*) FROM {delivery_keys} AS k WHERE k.subscription = s.name AND k.parked_at IS NOT NULL),
    (SELECT min(d.position) FROM {deliveries} AS d WHERE d.subscription = s.name)
FROM {log}.subscriptions AS s LEFT JOIN {checkpoints} AS c ON c.name = s.name
ORDER BY s.name
