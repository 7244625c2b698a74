-- People show a conversation to others by link. The link shows it as it was up to one message, and
-- stops working when it expires or is taken back; as with sessions, only a digest is stored.

CREATE TABLE shared_links (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL
        CONSTRAINT shared_links_conversation_id_fkey
        REFERENCES conversations (id) ON DELETE CASCADE,
    up_to_message_id bigint NOT NULL
        CONSTRAINT shared_links_up_to_message_id_fkey
        REFERENCES messages (id) ON DELETE CASCADE,
    token_sha256 bytea NOT NULL CONSTRAINT shared_links_token_sha256_key UNIQUE,
    view_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    revoked_at timestamptz,
    CONSTRAINT shared_links_token_sha256_length CHECK (octet_length(token_sha256) = 32),
    CONSTRAINT shared_links_view_count_not_negative CHECK (view_count >= 0)
);

CREATE INDEX shared_links_conversation_id_idx ON shared_links (conversation_id);

CREATE INDEX shared_links_up_to_message_id_idx ON shared_links (up_to_message_id);
