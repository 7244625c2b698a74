-- Signed-in devices. Only a digest of the token is kept: a leaked dump signs nobody in.

CREATE TABLE user_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL
        CONSTRAINT user_sessions_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    token_sha256 bytea NOT NULL CONSTRAINT user_sessions_token_sha256_key UNIQUE,
    user_agent text NOT NULL DEFAULT '',
    ip_address inet,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '90 days',
    revoked_at timestamptz,
    CONSTRAINT user_sessions_token_sha256_length CHECK (octet_length(token_sha256) = 32),
    CONSTRAINT user_sessions_lifetime CHECK (expires_at > created_at)
);

CREATE INDEX user_sessions_live_idx ON user_sessions (user_id, last_seen_at DESC)
    WHERE revoked_at IS NULL;

CREATE INDEX user_sessions_user_id_idx ON user_sessions (user_id);
