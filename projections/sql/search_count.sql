SELECT count(*) FROM {documents}
