UPDATE {table} AS t SET valid_to = ended.at
FROM unnest(%b::uuid[], %b::bigint[]) AS ended (id, at)
WHERE t.id = ended.id AND t.valid_to IS NULL
