CREATE OR REPLACE FUNCTION viewers_united(one varbit, other varbit) RETURNS varbit
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT (one || repeat('0', greatest(length(other) - length(one), 0))::varbit)
        | (other || repeat('0', greatest(length(one) - length(other), 0))::varbit)
$$;
