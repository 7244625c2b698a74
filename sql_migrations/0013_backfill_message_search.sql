-- Indexes the messages written before the trigger of 0012, other than the deleted ones.

INSERT INTO message_search (message_id, document)
SELECT id, to_tsvector('english', content)
FROM messages
WHERE deleted_at IS NULL
ON CONFLICT (message_id) DO NOTHING;
