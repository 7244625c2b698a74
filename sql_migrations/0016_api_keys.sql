-- Keys for the public API. The prefix is shown in the console so that people can tell keys apart;
-- the key itself is stored as a digest. A revoked key stays: the access log points at it.

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL
        CONSTRAINT api_keys_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    name varchar(80) NOT NULL,
    key_prefix char(8) NOT NULL CONSTRAINT api_keys_key_prefix_key UNIQUE,
    key_sha256 bytea NOT NULL CONSTRAINT api_keys_key_sha256_key UNIQUE,
    scopes text[] NOT NULL DEFAULT ARRAY['chat:read'],
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_key_sha256_length CHECK (octet_length(key_sha256) = 32),
    CONSTRAINT api_keys_scopes_known CHECK (
        scopes <@ ARRAY['chat:read', 'chat:write', 'memory:read', 'memory:write']
        AND cardinality(scopes) > 0
    )
);

CREATE UNIQUE INDEX api_keys_user_id_name_key ON api_keys (user_id, lower(name))
    WHERE revoked_at IS NULL;

CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);
