CREATE TABLE IF NOT EXISTS {partitioning} (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    days integer NOT NULL DEFAULT 7 CHECK (days BETWEEN 1 AND 366),
    archive_edge timestamptz
)
