-- Unites two sets of viewers in less time: most are of one length, and then nothing is copied; else
-- the shorter one is filled up without reading zeros from a text.
-- depends: 0050_viewing

CREATE OR REPLACE FUNCTION viewers_united(one varbit, other varbit) RETURNS varbit
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    IF length(one) = length(other) THEN
        RETURN one | other;
    ELSIF length(one) < length(other) THEN
        RETURN (one || substring(other # other FROM 1 FOR length(other) - length(one))) | other;
    END IF;
    RETURN one | (other || substring(one # one FROM 1 FOR length(one) - length(other)));
END
$$;
