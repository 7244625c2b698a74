-- Long-term memory in layers: what happened, what is so, how it felt, what it means between us.
-- The first version of this file also altered user_profiles, of 0027; those lines are in 0027 now.
-- Safe to apply again (see 0034).

CREATE TABLE IF NOT EXISTS multi_dimensional_memory (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    vi_user_id uuid NOT NULL
        CONSTRAINT multi_dimensional_memory_vi_user_id_fkey
        REFERENCES users (id) ON DELETE CASCADE,
    layer varchar(20) NOT NULL,
    content text NOT NULL,
    dimensions jsonb NOT NULL DEFAULT '{}'::jsonb,
    salience numeric(4, 3) NOT NULL DEFAULT 0.5,
    source_message_id bigint
        CONSTRAINT multi_dimensional_memory_source_message_id_fkey
        REFERENCES messages (id) ON DELETE SET NULL,
    recall_count integer NOT NULL DEFAULT 0,
    last_recalled_at timestamptz,
    forget_after timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT memory_layer_known CHECK (
        layer IN ('episodic', 'semantic', 'emotional', 'relational', 'procedural')
    ),
    CONSTRAINT memory_salience_range CHECK (salience BETWEEN 0 AND 1),
    CONSTRAINT memory_recall_count_not_negative CHECK (recall_count >= 0)
);

CREATE INDEX IF NOT EXISTS multi_dimensional_memory_recall_idx
    ON multi_dimensional_memory (vi_user_id, layer, salience DESC);

CREATE INDEX IF NOT EXISTS multi_dimensional_memory_source_message_id_idx
    ON multi_dimensional_memory (source_message_id);

CREATE INDEX IF NOT EXISTS multi_dimensional_memory_dimensions_idx
    ON multi_dimensional_memory USING gin (dimensions jsonb_path_ops);

CREATE INDEX IF NOT EXISTS multi_dimensional_memory_content_idx
    ON multi_dimensional_memory USING gin (to_tsvector('english'::regconfig, content));

CREATE INDEX IF NOT EXISTS multi_dimensional_memory_forget_after_idx
    ON multi_dimensional_memory (forget_after)
    WHERE forget_after IS NOT NULL;

DROP TRIGGER IF EXISTS multi_dimensional_memory_set_updated_at ON multi_dimensional_memory;

CREATE TRIGGER multi_dimensional_memory_set_updated_at
    BEFORE UPDATE ON multi_dimensional_memory
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
