SELECT recorded_at FROM {ledger} WHERE last >= %s AND first <= %s ORDER BY last LIMIT 1
