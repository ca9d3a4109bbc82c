SELECT found.id, found.created, found.subject, found.valid_from, found.occurred_from, found.occurred_to, found.ended_by, {found_names}
FROM unnest(%b::uuid[], %b::timestamptz[]) AS wanted (subject, occurred_at)
CROSS JOIN LATERAL (
    (
        SELECT * FROM {intervals}
        WHERE subject = wanted.subject AND valid_to IS NULL AND occurred_from <= wanted.occurred_at
        ORDER BY occurred_from DESC, created DESC LIMIT 1
    ) UNION ALL (
        SELECT * FROM {intervals}
        WHERE subject = wanted.subject AND valid_to IS NULL AND occurred_from > wanted.occurred_at
        ORDER BY occurred_from, created LIMIT 1
    )
) AS found
