-- The first prototype: a conversation belongs to a device, and messages are appended to it.
-- A conversation is deleted whole, so its messages go with it.

CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device_id varchar(64) NOT NULL,
    title varchar(200) NOT NULL DEFAULT '',
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    started_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX conversations_device_id_idx ON conversations (device_id, started_at DESC);

CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL
        CONSTRAINT messages_conversation_id_fkey REFERENCES conversations (id) ON DELETE CASCADE,
    role varchar(16) NOT NULL,
    content text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT messages_role_known CHECK (role IN ('system', 'user', 'assistant', 'tool'))
);

CREATE INDEX messages_conversation_id_idx ON messages (conversation_id, id);
