SELECT number, id, began_after, began_at, server FROM {schema}.timelines ORDER BY number
