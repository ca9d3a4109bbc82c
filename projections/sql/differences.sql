WITH live AS (
    SELECT {keys}, {live_values} FROM {table} WHERE valid_from <= %(position)s
), built AS (
    SELECT {keys}, {built_values} FROM {scratch} WHERE valid_to IS NULL OR valid_to > %(compacted)s
)
SELECT
    coalesce(live.id, built.id), coalesce(live.valid_from, built.valid_from),
    CASE WHEN live.id IS NULL THEN 'missing' WHEN built.id IS NULL THEN 'extra' ELSE 'different' END,
    count(*) OVER ()
FROM live FULL JOIN built ON live.id = built.id AND live.valid_from = built.valid_from
WHERE live.id IS NULL OR built.id IS NULL OR live.hash <> built.hash
ORDER BY 2, 1 LIMIT %(limit)s
