-- Full-text search over messages. The search text has a table of its own: a generated column would
-- have rewritten messages, our largest table, under an exclusive lock.
-- Older messages are indexed by 0013.

CREATE TABLE message_search (
    message_id bigint PRIMARY KEY
        CONSTRAINT message_search_message_id_fkey REFERENCES messages (id) ON DELETE CASCADE,
    document tsvector NOT NULL
);

CREATE INDEX message_search_document_idx ON message_search USING gin (document);

CREATE FUNCTION index_message_for_search() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    INSERT INTO message_search (message_id, document)
    VALUES (NEW.id, to_tsvector('english', NEW.content))
    ON CONFLICT (message_id) DO UPDATE SET document = EXCLUDED.document;
    RETURN NULL;
END;
$body$;

CREATE TRIGGER messages_index_for_search
    AFTER INSERT OR UPDATE OF content ON messages
    FOR EACH ROW EXECUTE FUNCTION index_message_for_search();
