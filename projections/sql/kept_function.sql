CREATE OR REPLACE FUNCTION {schema}.kept(model text, as_of bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    compacted bigint := (SELECT position FROM {schema}.compactions WHERE name = model);
BEGIN
    IF compacted > as_of THEN
        RAISE EXCEPTION 'compacted' USING ERRCODE = 'AE001', DETAIL = compacted::text;
    END IF;
    RETURN true;
END
$$
