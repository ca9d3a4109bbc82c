UPDATE {intervals} AS t
SET occurred_to = new.occurred_to, ended_by = new.ended_by, level = new.level, known_level = new.known_level, valid_to = new.valid_to
FROM unnest(%b::uuid[], %b::timestamptz[], %b::bigint[], %b::timestamptz[], %b::bigint[], %b::smallint[], %b::smallint[], %b::bigint[])
    AS new (subject, occurred_from, created, occurred_to, ended_by, level, known_level, valid_to)
WHERE t.subject = new.subject AND t.occurred_from = new.occurred_from AND t.created = new.created AND t.valid_to IS NULL
