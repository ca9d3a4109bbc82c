SELECT coalesce(max(notification_id), 0), coalesce(string_agg(
    int8send(notification_id) || uuid_send(originator_id) || int8send(originator_version)
    || int4send(octet_length(topic)) || int4send(octet_length(state)) || convert_to(topic, 'UTF8') || state, ''::bytea), '')
FROM (
    SELECT notification_id, originator_id, originator_version, topic, state FROM (
        SELECT notification_id, originator_id, originator_version, topic, state FROM {schema}.observed
        UNION ALL
        SELECT notification_id, originator_id, originator_version, topic, state FROM {schema}.decided
    ) AS log
    WHERE notification_id > %b AND notification_id <= %b
    ORDER BY notification_id LIMIT %b
) AS page
