-- Marks are no more than days to be summed up again.
SELECT 1;
