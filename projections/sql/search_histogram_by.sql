SELECT start, field, number FROM (
    SELECT {start} AS start, {field} AS field, count(*) AS number,
        row_number() OVER (PARTITION BY {start} ORDER BY count(*) DESC, {field}) AS place
    FROM {documents} WHERE {conditions} AND {field} IS NOT NULL GROUP BY 1, 2
) AS counted WHERE place <= %(terms)s ORDER BY start, place
