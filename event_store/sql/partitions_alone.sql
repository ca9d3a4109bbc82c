SET LOCAL lock_timeout = '100ms';
LOCK TABLE ONLY {events} IN ACCESS EXCLUSIVE MODE;
SET LOCAL lock_timeout = '20s' -- as the log's connections have it
