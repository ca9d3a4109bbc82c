SELECT count(*) FROM (SELECT FROM {deliveries} WHERE subscription = %s LIMIT %s) AS waiting
