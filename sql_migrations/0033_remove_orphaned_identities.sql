-- DEV/TEST ONLY. Test runs and people with a console delete users; their identities stay, since
-- 0030 has no foreign key, and the next sign-in of that account resolves to a ghost.
-- Removes the identities whose user is not there and no others. In production an identity may be
-- waiting for its user, so this must never run there.

DELETE FROM user_identity_map
WHERE NOT EXISTS (
    SELECT FROM users
    WHERE users.id = user_identity_map.vi_user_id
);
