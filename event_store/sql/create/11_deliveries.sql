CREATE TABLE IF NOT EXISTS {deliveries} (
    subscription text NOT NULL,
    key text NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (subscription, key, position)
)
