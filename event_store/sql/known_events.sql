SELECT e.originator_id, e.originator_version
FROM unnest(%b::uuid[], %b::bigint[]) AS k (id, version)
JOIN {events} AS e ON e.originator_id = k.id AND e.originator_version = k.version
