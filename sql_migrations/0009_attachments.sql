-- Pictures and files in messages. The bytes are in object storage; this is what we know of them.
-- is_image is computed here because three services had three ideas of what an image is.

CREATE TABLE attachments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id bigint NOT NULL
        CONSTRAINT attachments_message_id_fkey REFERENCES messages (id) ON DELETE CASCADE,
    storage_key varchar(255) NOT NULL CONSTRAINT attachments_storage_key_key UNIQUE,
    file_name varchar(255) NOT NULL,
    media_type varchar(127) NOT NULL DEFAULT 'application/octet-stream',
    is_image boolean NOT NULL GENERATED ALWAYS AS (media_type LIKE 'image/%') STORED,
    byte_size bigint NOT NULL,
    sha256 bytea NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT attachments_byte_size_range CHECK (byte_size BETWEEN 1 AND 104857600),
    CONSTRAINT attachments_sha256_length CHECK (octet_length(sha256) = 32)
);

CREATE INDEX attachments_message_id_idx ON attachments (message_id);

CREATE INDEX attachments_images_idx ON attachments (created_at DESC) WHERE is_image;
