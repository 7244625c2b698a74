-- From here on nobody can start a conversation without an owner. Old rows are left in peace
-- (NOT VALID) until 0004 has found their owners.

ALTER TABLE conversations VALIDATE CONSTRAINT conversations_user_id_fkey;

ALTER TABLE conversations
    ADD CONSTRAINT conversations_user_id_present CHECK (user_id IS NOT NULL) NOT VALID;
