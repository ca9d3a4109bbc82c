SELECT coalesce(max(last), 0) FROM {ledger} WHERE recorded_at < %s
