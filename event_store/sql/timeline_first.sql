INSERT INTO {schema}.timelines (number, began_after, server) SELECT 1, 0, %s
WHERE NOT EXISTS (SELECT FROM {schema}.timelines)
