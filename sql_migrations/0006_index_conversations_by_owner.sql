-- The sidebar lists a person's conversations, newest first, and read the whole table to do so.
-- Built CONCURRENTLY because people are writing; hence alone in its file and in no transaction.
-- guard: transaction = off

CREATE INDEX CONCURRENTLY conversations_user_id_started_at_idx
    ON conversations (user_id, started_at DESC);
