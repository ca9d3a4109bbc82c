CREATE OR REPLACE FUNCTION {append}(
    of_checkpoint text, checkpoint_at bigint, stream_ids uuid[], last_versions bigint[],
    guess bigint, guessed_leaves bytea, guessed_root bytea,
    ids uuid[], versions bigint[], topics text[], states bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n CONSTANT integer := cardinality(ids);
    head_last bigint; head_hash bytea; head_at timestamptz;
    first_position bigint; last_position bigint;
    batch_leaves bytea := guessed_leaves; batch_root bytea := guessed_root;
    level bytea[];
BEGIN
    IF of_checkpoint IS NOT NULL THEN
        INSERT INTO {checkpoints} AS c (name, position) VALUES (of_checkpoint, checkpoint_at)
        ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE c.position < excluded.position;
        IF NOT FOUND THEN
            RETURN -1;
        END IF;
    END IF;
    PERFORM pg_advisory_xact_lock({append_lock});
    NOTIFY {channel};
    SELECT l.last, l.hash, l.recorded_at INTO head_last, head_hash, head_at
    FROM {ledger} AS l ORDER BY l.last DESC LIMIT 1;
    IF NOT FOUND THEN
        head_last := 0; head_hash := decode(repeat('00', 32), 'hex');
    END IF;
    IF cardinality(stream_ids) > 0 AND EXISTS (
        SELECT FROM unnest(stream_ids, last_versions) AS s (id, version)
        WHERE version IS DISTINCT FROM (SELECT max(originator_version) FROM {events} WHERE originator_id = s.id)
    ) THEN
        RAISE unique_violation USING MESSAGE = 'a stream does not end before the version claimed';
    END IF;
    first_position := head_last + 1; last_position := head_last + n;
    IF head_last <> guess THEN  -- another writer was here since the caller hashed: hash again, with the true positions
        SELECT array_agg(sha256('\x00'::bytea || int8send(head_last + i) || uuid_send(id) || int8send(version)
            || int4send(octet_length(convert_to(topic, 'UTF8'))) || convert_to(topic, 'UTF8') || state) ORDER BY i)
        INTO level FROM unnest(ids, versions, topics, states) WITH ORDINALITY AS e (id, version, topic, state, i);
        SELECT string_agg(leaf, ''::bytea ORDER BY i) INTO batch_leaves FROM unnest(level) WITH ORDINALITY AS e (leaf, i);
        WHILE cardinality(level) > 1 LOOP
            SELECT array_agg(coalesce(sha256('\x01'::bytea || level[i] || level[i + 1]), level[i]) ORDER BY i) INTO level
            FROM generate_series(1, cardinality(level), 2) AS i;
        END LOOP;
        batch_root := level[1];
    END IF;
    head_at := greatest(clock_timestamp(), head_at);
    INSERT INTO {events} (notification_id, originator_id, originator_version, topic, state)
    SELECT head_last + i, id, version, topic, state
    FROM unnest(ids, versions, topics, states) WITH ORDINALITY AS e (id, version, topic, state, i);
    INSERT INTO {ledger} (first, last, n, recorded_at, root, prev_hash, hash, leaves)
    VALUES (first_position, last_position, n, head_at, batch_root, head_hash,
        sha256('\x02'::bytea || head_hash || int8send(first_position) || int8send(last_position) || int4send(n)
            || int8send((extract(epoch FROM head_at) * 1000000)::bigint) || batch_root), batch_leaves);
    RETURN last_position;
END $$;
