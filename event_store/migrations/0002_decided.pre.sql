CREATE TABLE IF NOT EXISTS {decided} (
    notification_id bigint NOT NULL,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_analyze_scale_factor = 0.02);

CREATE UNIQUE INDEX IF NOT EXISTS {position_index} ON {decided} (notification_id);

CREATE INDEX IF NOT EXISTS {topic_index} ON {decided} (topic, notification_id);
