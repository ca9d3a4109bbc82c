ALTER TABLE {schema}.{partition} DROP CONSTRAINT IF EXISTS archived
