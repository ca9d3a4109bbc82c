COMMENT ON TABLE {documents} IS {words}
