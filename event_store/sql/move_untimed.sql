WITH moved AS (
    DELETE FROM {schema}.observed_oldest WHERE originator_id >= %s
    RETURNING notification_id, originator_id, originator_version, topic, state
)
INSERT INTO {events} (notification_id, originator_id, originator_version, topic, state)
SELECT notification_id, originator_id, originator_version, topic, state FROM moved
