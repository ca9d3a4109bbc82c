INSERT INTO {schema}.search_parked AS kept (document_id, position, kind, reason)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[])
ON CONFLICT (document_id) DO UPDATE SET (position, kind, reason, parked_at) = (excluded.position, excluded.kind, excluded.reason, now())
WHERE excluded.position >= kept.position
