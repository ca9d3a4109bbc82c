SELECT obj_description(to_regclass(%s)), to_regclass(%s) IS NOT NULL
