SELECT
    string_agg(int8send(notification_id) || uuid_send(originator_id) || int8send(originator_version)
        || int4send(char_length(topic)) || int4send(octet_length(state)), ''::bytea),
    string_agg(topic, ''),
    string_agg(state, ''::bytea)
FROM (
    SELECT notification_id, originator_id, originator_version, topic, state FROM (
        SELECT notification_id, originator_id, originator_version, topic, state FROM {schema}.observed
        UNION ALL
        SELECT notification_id, originator_id, originator_version, topic, state FROM {schema}.decided
    ) AS log
    WHERE notification_id > %b AND notification_id <= %b
    ORDER BY notification_id LIMIT %b
) AS page
GROUP BY notification_id >> 7 ORDER BY notification_id >> 7
