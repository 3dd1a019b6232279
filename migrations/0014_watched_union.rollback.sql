DROP FUNCTION watched_union(nummultirange, nummultirange);

CREATE FUNCTION watched_union(seen nummultirange, added nummultirange) RETURNS nummultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((
        SELECT range_agg(numrange(start, stop)) FROM (
            SELECT round(lower(closed) + 0.125, 2) AS start, round(upper(closed) - 0.125, 2) AS stop
            FROM unnest((
                SELECT range_agg(numrange(
                    round(lower(piece), 2) - 0.125, round(upper(piece), 2) + 0.125, '[]'
                )) FROM unnest(seen + added) AS piece
                WHERE round(lower(piece), 2) < round(upper(piece), 2)
            )) AS closed
            ORDER BY upper(closed) - lower(closed) DESC LIMIT 2000
        ) AS longest
    ), '{}'::nummultirange)
$$;

CREATE FUNCTION watched_length(seen nummultirange) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT sum(upper(piece) - lower(piece)) FROM unnest(seen) AS piece), 0)
$$;
