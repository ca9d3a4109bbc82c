SELECT coalesce((SELECT max(last) FROM {ledger} WHERE recorded_at <= %s), 0), coalesce((SELECT max(last) FROM {ledger}), 0),
    %s <= greatest(clock_timestamp(), (SELECT max(recorded_at) FROM {ledger}))
