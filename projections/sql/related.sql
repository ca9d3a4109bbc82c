SELECT wanted.value, t.id, t.created, t.valid_from, t.doc::text
FROM unnest(%(values)s::{type}[]) AS wanted (value)
CROSS JOIN LATERAL (
    SELECT id, created, valid_from, doc FROM {table}
    WHERE {column} = wanted.value AND {conditions}
    ORDER BY created DESC LIMIT %(limit)s
) AS t
