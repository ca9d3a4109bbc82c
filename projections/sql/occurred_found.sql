SELECT id, created, occurred_from FROM (
    (
        SELECT id, created, occurred_from FROM {intervals}
        WHERE occurred_to IS NULL AND occurred_from <= %(occurred)s AND {known} AND {conditions}
        ORDER BY occurred_from DESC, created DESC LIMIT %(limit)s
    ) UNION ALL (
        SELECT ended.id, ended.created, ended.occurred_from
        FROM generate_series(1, 56) AS length (level)
        CROSS JOIN LATERAL (
            SELECT id, created, occurred_from FROM {intervals}
            WHERE level = length.level AND occurred_from <= %(occurred)s
                AND occurred_from > %(occurred)s - interval '1 microsecond' * (1::bigint << length.level)
                AND occurred_to > %(occurred)s AND {ended} AND {known} AND {conditions}
            ORDER BY occurred_from DESC, created DESC LIMIT %(limit)s
        ) AS ended
    ){open_then}
) AS holding
ORDER BY occurred_from DESC, created DESC LIMIT %(limit)s
