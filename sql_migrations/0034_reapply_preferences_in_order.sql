-- DEV/TEST ONLY. The deploy script of the time kept the files in an array, and the array had
-- 0028-0030 before 0027. Their ALTER TABLE IF EXISTS found no table, did nothing and counted as
-- applied; 0027 then made user_profiles without relationship_type and trust_level, and the code
-- that read them failed. Where a marker of the four is later than that of a higher number, the four
-- markers go, and the same run applies the corrected files in order. A clean database keeps them.
-- guard: environments = dev, test

DELETE FROM applied_migrations
WHERE id IN (
    '0027_preferences_and_profiles',
    '0028_multidimensional_memory',
    '0029_preference_audit_log',
    '0030_user_identity_map'
)
AND EXISTS (
    SELECT
    FROM applied_migrations AS late
    JOIN applied_migrations AS early
        ON early.number > late.number
        AND early.applied_at < late.applied_at
    WHERE late.id IN (
        '0027_preferences_and_profiles',
        '0028_multidimensional_memory',
        '0029_preference_audit_log',
        '0030_user_identity_map'
    )
    -- This migration's own marker is there while it runs, and says nothing about the order.
    AND early.id <> '0034_reapply_preferences_in_order'
);
