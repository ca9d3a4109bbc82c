SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
WHERE notification_id > %(after)s AND notification_id <= %(upto)s
    AND (%(stream)s::uuid IS NULL OR originator_id = %(stream)s)
    AND (%(topics)s::text[] IS NULL OR topic = ANY(%(topics)s))
    AND (%(actor)s::bytea IS NULL OR position(%(actor)s IN state) > 0)
    AND (%(correlation)s::bytea IS NULL OR position(%(correlation)s IN state) > 0)
ORDER BY notification_id DESC LIMIT %(limit)s
