-- Memories refer to one another: one explains, contradicts or replaces the other. The nightly
-- consolidation writes these links, and follows "replaces" to see what may be forgotten.

CREATE TABLE memory_links (
    from_memory_id uuid NOT NULL
        CONSTRAINT memory_links_from_memory_id_fkey
        REFERENCES multi_dimensional_memory (id) ON DELETE CASCADE,
    to_memory_id uuid NOT NULL
        CONSTRAINT memory_links_to_memory_id_fkey
        REFERENCES multi_dimensional_memory (id) ON DELETE CASCADE,
    kind varchar(20) NOT NULL,
    strength numeric(4, 3) NOT NULL DEFAULT 1.0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (from_memory_id, to_memory_id, kind),
    CONSTRAINT memory_links_kind_known CHECK (kind IN ('explains', 'contradicts', 'replaces')),
    CONSTRAINT memory_links_strength_range CHECK (strength BETWEEN 0 AND 1),
    CONSTRAINT memory_links_not_to_itself CHECK (from_memory_id <> to_memory_id)
);

CREATE INDEX memory_links_to_memory_id_idx ON memory_links (to_memory_id);
