 UNION ALL (
        SELECT ended.id, ended.created, ended.occurred_from
        FROM generate_series(1, 56) AS length (level)
        CROSS JOIN LATERAL (
            SELECT id, created, occurred_from FROM {intervals}
            WHERE known_level = length.level AND valid_from <= %(as_of)s AND valid_from > %(as_of)s - (1::bigint << length.level)
                AND ended_by > %(as_of)s AND occurred_from <= %(occurred)s AND {known} AND {conditions}
            ORDER BY occurred_from DESC, created DESC LIMIT %(limit)s
        ) AS ended
    )
