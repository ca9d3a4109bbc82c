CREATE TABLE IF NOT EXISTS {schema}.search_generations (backend text PRIMARY KEY, generation integer NOT NULL)
