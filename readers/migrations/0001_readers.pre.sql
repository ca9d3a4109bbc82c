CREATE TABLE IF NOT EXISTS aetherius.subscriptions (
    name text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS aetherius.delivery_keys (
    subscription text NOT NULL,
    key text NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    attempts integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    parked_at timestamptz,
    PRIMARY KEY (subscription, key)
) WITH (fillfactor = 70);

CREATE INDEX IF NOT EXISTS delivery_keys_due ON aetherius.delivery_keys (subscription, due_at) WHERE parked_at IS NULL;

CREATE TABLE IF NOT EXISTS aetherius.deliveries (
    subscription text NOT NULL,
    key text NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (subscription, key, position)
);

CREATE TABLE IF NOT EXISTS aetherius.dropped_deliveries (
    subscription text NOT NULL,
    position bigint NOT NULL,
    key text NOT NULL,
    error text NOT NULL,
    reason text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription, position)
);

CREATE SCHEMA IF NOT EXISTS read_models;

CREATE TABLE IF NOT EXISTS read_models.readers (
    name text PRIMARY KEY,
    paused boolean NOT NULL DEFAULT false,
    resumes bigint NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'starting',
    position bigint NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    poison_position bigint,
    poison_topic text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz
);
