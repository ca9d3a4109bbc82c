SELECT coalesce(l.last, 0), coalesce(extract(epoch FROM l.recorded_at - clock_timestamp()), 0)::float8, t.number, t.server,
    concat_ws('/', (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()))
FROM (SELECT number, server FROM {schema}.timelines ORDER BY number DESC LIMIT 1) AS t
LEFT JOIN LATERAL (SELECT last, recorded_at FROM {ledger} ORDER BY last DESC LIMIT 1) AS l ON true
