CREATE TABLE IF NOT EXISTS aetherius.repair_records (
    key text PRIMARY KEY,
    done bigint NOT NULL,
    helped bigint NOT NULL
);
