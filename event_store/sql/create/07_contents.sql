CREATE TABLE IF NOT EXISTS {contents} (
    key text NOT NULL,
    chunk bigint NOT NULL,
    stretches bigint NOT NULL,
    PRIMARY KEY (key, chunk)
) WITH (fillfactor = 80)
