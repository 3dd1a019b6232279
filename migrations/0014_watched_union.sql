-- The union of watched seconds as a function of rows: PostgreSQL plans such a one into the statement
-- that calls it. Called for each row it took twice as long as storing the row.
-- depends: 0004_progress

DROP FUNCTION watched_length(nummultirange);
DROP FUNCTION watched_union(nummultirange, nummultirange);

-- One row. Seconds, rounded to 10 ms; gaps up to 0.25 s are closed; of more than 2,000 pieces the
-- longest are kept, or one user could store megabytes of slivers. Pieces are widened by half the
-- gap to both sides, united, and narrowed again.
CREATE FUNCTION watched_union(seen nummultirange, added nummultirange) RETURNS SETOF nummultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT coalesce(range_agg(numrange(start, stop)), '{}') FROM (
        SELECT round(lower(closed) + 0.125, 2) AS start, round(upper(closed) - 0.125, 2) AS stop
        FROM unnest((
            SELECT range_agg(numrange(
                round(lower(piece), 2) - 0.125, round(upper(piece), 2) + 0.125, '[]'
            )) FROM unnest(seen + added) AS piece
            WHERE round(lower(piece), 2) < round(upper(piece), 2)
        )) AS closed
        ORDER BY upper(closed) - lower(closed) DESC LIMIT 2000
    ) AS longest
$$;
