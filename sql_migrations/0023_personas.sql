-- The companion gets a character. Personas of the house have no owner; people can write their own.
-- The choice has a table of its own: a column of conversations would need one more index on it.

CREATE TABLE personas (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id uuid
        CONSTRAINT personas_owner_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    slug varchar(60) NOT NULL,
    name varchar(80) NOT NULL,
    instructions text NOT NULL DEFAULT '',
    traits jsonb NOT NULL DEFAULT '{"warmth": 0.5, "humor": 0.5, "directness": 0.5}'::jsonb,
    is_public boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT personas_slug_shape CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$')
);

CREATE UNIQUE INDEX personas_house_slug_key ON personas (slug) WHERE owner_id IS NULL;

CREATE UNIQUE INDEX personas_owner_id_slug_key ON personas (owner_id, slug);

CREATE INDEX personas_traits_idx ON personas USING gin (traits jsonb_path_ops);

CREATE TRIGGER personas_set_updated_at
    BEFORE UPDATE ON personas
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE conversation_personas (
    conversation_id uuid PRIMARY KEY
        CONSTRAINT conversation_personas_conversation_id_fkey
        REFERENCES conversations (id) ON DELETE CASCADE,
    persona_id bigint NOT NULL
        CONSTRAINT conversation_personas_persona_id_fkey
        REFERENCES personas (id) ON DELETE CASCADE,
    chosen_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX conversation_personas_persona_id_idx ON conversation_personas (persona_id);
