-- Long conversations no longer fit the model's window: each summary stands for a run of messages.
-- A summary outlives the messages at its ends, which the person may delete one by one.

CREATE TABLE conversation_summaries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL
        CONSTRAINT conversation_summaries_conversation_id_fkey
        REFERENCES conversations (id) ON DELETE CASCADE,
    first_message_id bigint
        CONSTRAINT conversation_summaries_first_message_id_fkey
        REFERENCES messages (id) ON DELETE SET NULL,
    last_message_id bigint
        CONSTRAINT conversation_summaries_last_message_id_fkey
        REFERENCES messages (id) ON DELETE SET NULL,
    summary text NOT NULL,
    model varchar(80) NOT NULL,
    token_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT conversation_summaries_range CHECK (first_message_id <= last_message_id),
    CONSTRAINT conversation_summaries_token_count_positive CHECK (token_count >= 0)
);

CREATE INDEX conversation_summaries_conversation_id_idx
    ON conversation_summaries (conversation_id, created_at DESC);

CREATE INDEX conversation_summaries_first_message_id_idx
    ON conversation_summaries (first_message_id);

CREATE INDEX conversation_summaries_last_message_id_idx
    ON conversation_summaries (last_message_id);
