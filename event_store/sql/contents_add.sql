INSERT INTO {contents} AS c (key, chunk, stretches)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (key, chunk) DO UPDATE SET stretches = c.stretches | excluded.stretches
