DROP FUNCTION reserve_space(uuid, bigint, bigint, bigint, double precision);
DROP TABLE space_reservations;
DROP VIEW storage_used;
