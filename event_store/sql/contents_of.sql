SELECT chunk, bit_or(stretches) FROM {contents}
WHERE key = ANY(%s) AND chunk >= %s AND chunk <= %s
GROUP BY chunk ORDER BY chunk LIMIT %s
