SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)
