SELECT a.pid, pg_terminate_backend(a.pid)
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint << 32 | l.objid::bigint = {append_lock}
    AND a.wait_event = 'ClientRead' AND a.state_change < clock_timestamp() - make_interval(secs => %s)
