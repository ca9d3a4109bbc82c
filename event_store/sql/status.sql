SELECT
    coalesce((SELECT max(last) FROM {ledger}), 0),
    coalesce((SELECT max(last) FROM {ledger} WHERE recorded_at <= clock_timestamp() - interval '1 minute'), 0),
    coalesce((SELECT max(last) FROM {ledger} WHERE recorded_at <= clock_timestamp() - interval '1 hour'), 0),
    (SELECT max(recorded_at) FROM {ledger}),
    pg_total_relation_size(%s::regclass),
    pg_total_relation_size(%s::regclass)
