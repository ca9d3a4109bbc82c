INSERT INTO {events} (notification_id, originator_id, originator_version, topic, state)
SELECT * FROM unnest(%b::bigint[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[])
