INSERT INTO {schema}.timelines (number, began_after, server)
SELECT max(number) + 1, %s, %s FROM {schema}.timelines
