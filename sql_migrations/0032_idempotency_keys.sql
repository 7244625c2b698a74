-- A phone that loses the network sends its message again. The client names each request, and the
-- second one gets the answer of the first. Keys are swept a day after.

CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL
        CONSTRAINT idempotency_keys_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    request_key uuid NOT NULL,
    request_sha256 bytea NOT NULL,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day',
    PRIMARY KEY (user_id, request_key),
    CONSTRAINT idempotency_keys_request_sha256_length CHECK (octet_length(request_sha256) = 32)
);

CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);
