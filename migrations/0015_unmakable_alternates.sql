-- An alternate format that cannot be made is not tried again.
-- depends: 0011_storyboards

ALTER TABLE unmakable
    DROP CONSTRAINT unmakable_what_check,
    ADD CONSTRAINT unmakable_what_check
        CHECK (what IN ('further-pictures', 'storyboard', 'alternate-format'));
