UPDATE {delivery_keys} SET parked_at = NULL, attempts = 0, due_at = clock_timestamp()
WHERE subscription = %s AND key = %s
