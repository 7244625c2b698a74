-- Deleting is undoable for 30 days. deleted_at hides; the purge queue says what is to go for good.

ALTER TABLE conversations ADD COLUMN deleted_at timestamptz;

ALTER TABLE messages ADD COLUMN deleted_at timestamptz;

CREATE TABLE purge_queue (
    conversation_id uuid PRIMARY KEY
        CONSTRAINT purge_queue_conversation_id_fkey
        REFERENCES conversations (id) ON DELETE CASCADE,
    requested_by uuid
        CONSTRAINT purge_queue_requested_by_fkey REFERENCES users (id) ON DELETE SET NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    purge_after timestamptz NOT NULL DEFAULT now() + interval '30 days',
    restored_at timestamptz,
    CONSTRAINT purge_queue_order CHECK (purge_after >= requested_at)
);

CREATE INDEX purge_queue_due_idx ON purge_queue (purge_after) WHERE restored_at IS NULL;

CREATE INDEX purge_queue_requested_by_idx ON purge_queue (requested_by);
