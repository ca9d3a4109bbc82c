SELECT id, coalesce((SELECT max(originator_version) FROM {events} WHERE originator_id = id), 0)
FROM unnest(%s::uuid[]) AS id
