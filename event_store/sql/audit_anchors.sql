SELECT last, hash FROM {ledger} WHERE last = ANY(%s::bigint[])
