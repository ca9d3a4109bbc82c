SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename = %s ORDER BY indexname
