CREATE SCHEMA IF NOT EXISTS aetherius;

CREATE TABLE IF NOT EXISTS aetherius.migrations (
    room text NOT NULL,
    number integer NOT NULL,
    half text NOT NULL CHECK (half IN ('pre', 'post')),
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (room, number, half)
)
