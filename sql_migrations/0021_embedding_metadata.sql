-- Recall by meaning. The vectors are in the vector store; here is which message was embedded with
-- which model, and from which text, so that we know what to embed again when either changes.

CREATE TABLE embedding_models (
    code varchar(60) PRIMARY KEY,
    dimensions smallint NOT NULL,
    is_current boolean NOT NULL DEFAULT false,
    added_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT embedding_models_dimensions_range CHECK (dimensions BETWEEN 1 AND 16000)
);

-- An index on a constant: at most one row can be the current one.
CREATE UNIQUE INDEX embedding_models_one_current_key ON embedding_models ((true))
    WHERE is_current;

CREATE TABLE message_embeddings (
    message_id bigint NOT NULL
        CONSTRAINT message_embeddings_message_id_fkey REFERENCES messages (id) ON DELETE CASCADE,
    model_code varchar(60) NOT NULL
        CONSTRAINT message_embeddings_model_code_fkey
        REFERENCES embedding_models (code) ON UPDATE CASCADE ON DELETE RESTRICT,
    vector_key varchar(200) CONSTRAINT message_embeddings_vector_key_key UNIQUE,
    content_sha256 bytea NOT NULL,
    status varchar(12) NOT NULL DEFAULT 'pending',
    attempts smallint NOT NULL DEFAULT 0,
    embedded_at timestamptz,
    PRIMARY KEY (message_id, model_code),
    CONSTRAINT message_embeddings_status_known CHECK (status IN ('pending', 'done', 'failed')),
    CONSTRAINT message_embeddings_done_has_vector CHECK (
        status <> 'done' OR (vector_key IS NOT NULL AND embedded_at IS NOT NULL)
    )
);

CREATE INDEX message_embeddings_model_code_idx ON message_embeddings (model_code);

CREATE INDEX message_embeddings_pending_idx ON message_embeddings (message_id)
    WHERE status = 'pending';
