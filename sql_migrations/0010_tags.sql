-- People sort their conversations with tags of their own. "Work" and "work" are one tag.

CREATE TABLE tags (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL
        CONSTRAINT tags_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    name varchar(60) NOT NULL,
    color char(7) NOT NULL DEFAULT '#808080',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tags_name_not_blank CHECK (btrim(name) <> ''),
    CONSTRAINT tags_color_is_hex CHECK (color ~ '^#[0-9a-f]{6}$')
);

CREATE UNIQUE INDEX tags_user_id_name_key ON tags (user_id, lower(name));

CREATE TABLE conversation_tags (
    conversation_id uuid NOT NULL
        CONSTRAINT conversation_tags_conversation_id_fkey
        REFERENCES conversations (id) ON DELETE CASCADE,
    tag_id integer NOT NULL
        CONSTRAINT conversation_tags_tag_id_fkey REFERENCES tags (id) ON DELETE CASCADE,
    tagged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (conversation_id, tag_id)
);

CREATE INDEX conversation_tags_tag_id_idx ON conversation_tags (tag_id);
