SELECT i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false), EXISTS (
    SELECT FROM pg_constraint AS c WHERE c.conrelid = t.oid AND c.conname = %s)
FROM pg_class AS t LEFT JOIN pg_inherits AS i ON i.inhrelid = t.oid AND i.inhparent = to_regclass(%s)
WHERE t.oid = to_regclass(%s)
