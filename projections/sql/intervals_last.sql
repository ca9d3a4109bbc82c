SELECT found.id, found.created, found.subject, found.valid_from, found.occurred_from, found.occurred_to, found.ended_by, {found_names}
FROM unnest(%b::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
    SELECT * FROM {intervals}
    WHERE subject = wanted.subject AND valid_to IS NULL
    ORDER BY occurred_from DESC, created DESC LIMIT 1
) AS found
