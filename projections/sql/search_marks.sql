CREATE TABLE IF NOT EXISTS {schema}.search_marks (generation integer PRIMARY KEY, position bigint NOT NULL)
