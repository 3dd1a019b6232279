DELETE FROM unmakable WHERE what = 'alternate-format';

ALTER TABLE unmakable
    DROP CONSTRAINT unmakable_what_check,
    ADD CONSTRAINT unmakable_what_check CHECK (what IN ('further-pictures', 'storyboard'));
