CREATE SCHEMA IF NOT EXISTS read_models;

CREATE TABLE IF NOT EXISTS read_models.builds (
    name text PRIMARY KEY,
    fingerprint text NOT NULL,
    timeline uuid NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    indexed boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS read_models.compactions (
    name text PRIMARY KEY,
    position bigint NOT NULL
);

CREATE OR REPLACE FUNCTION read_models.kept(model text, as_of bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    compacted bigint := (SELECT position FROM read_models.compactions WHERE name = model);
BEGIN
    IF compacted > as_of THEN
        RAISE EXCEPTION 'compacted' USING ERRCODE = 'AE001', DETAIL = compacted::text;
    END IF;
    RETURN true;
END
$$;
