INSERT INTO {documents} AS kept (position, version, occurred_at, count, text, document, {names}, words)
SELECT given.*, array_to_tsvector(string_to_array(given.text, ' '))
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], {arrays}) AS given (position, version, occurred_at, count, text, document, {names})
ON CONFLICT (id) DO UPDATE SET (position, version, occurred_at, count, text, document, {names}, words)
    = (excluded.position, excluded.version, excluded.occurred_at, excluded.count, excluded.text, excluded.document, {excluded}, excluded.words)
WHERE excluded.position > kept.position
