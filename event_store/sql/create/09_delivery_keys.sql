CREATE TABLE IF NOT EXISTS {delivery_keys} (
    subscription text NOT NULL,
    key text NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    attempts integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    parked_at timestamptz,
    PRIMARY KEY (subscription, key)
) WITH (fillfactor = 70)
