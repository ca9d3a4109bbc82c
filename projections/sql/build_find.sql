SELECT b.position, b.timeline, b.indexed, b.fingerprint, to_regclass(%s) IS NOT NULL FROM {schema}.builds AS b WHERE b.name = %s
