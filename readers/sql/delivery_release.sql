UPDATE {delivery_keys} SET claim = NULL, due_at = clock_timestamp() + %(delay)s, attempts = %(attempts)s, error = %(error)s,
    parked_at = CASE WHEN %(parked)s THEN clock_timestamp() END
WHERE subscription = %(subscription)s AND key = %(key)s
