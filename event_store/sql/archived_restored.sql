UPDATE {schema}.archived SET restored = %s, restores = restores + %s WHERE name = %s AND restored <> %s
