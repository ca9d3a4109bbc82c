SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ %s
    AND EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.conname = %s)
ORDER BY c.relname
