-- What the assistant did on a person's behalf: the tool, what it was asked and what it answered.
-- The duration is computed from the two times, so that it cannot disagree with them.

CREATE TABLE tool_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL
        CONSTRAINT tool_calls_message_id_fkey REFERENCES messages (id) ON DELETE CASCADE,
    tool varchar(80) NOT NULL,
    arguments jsonb NOT NULL DEFAULT '{}'::jsonb,
    result jsonb,
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    duration_ms bigint GENERATED ALWAYS AS (
        (extract(epoch FROM finished_at - started_at) * 1000)::bigint
    ) STORED,
    CONSTRAINT tool_calls_one_outcome CHECK (result IS NULL OR error IS NULL),
    CONSTRAINT tool_calls_order CHECK (finished_at >= started_at)
);

CREATE INDEX tool_calls_message_id_idx ON tool_calls (message_id);

CREATE INDEX tool_calls_failed_idx ON tool_calls (tool, started_at DESC) WHERE error IS NOT NULL;

CREATE INDEX tool_calls_arguments_idx ON tool_calls USING gin (arguments jsonb_path_ops);
