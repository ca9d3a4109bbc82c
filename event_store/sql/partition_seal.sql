ALTER TABLE {schema}.{partition} ADD CONSTRAINT archived CHECK (false) NOT VALID
