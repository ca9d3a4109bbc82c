UPDATE {delivery_keys} SET due_at = clock_timestamp() + %s
WHERE subscription = %s AND claim = ANY(%s)
