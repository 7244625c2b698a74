-- Counts the messages that were there before the trigger of 0019. Conversations whose numbers are
-- right already, and empty ones, are not written to.

UPDATE conversations
SET last_message_at = activity.last_message_at,
    message_count = activity.message_count
FROM (
    SELECT conversation_id, max(created_at) AS last_message_at, count(*) AS message_count
    FROM messages
    GROUP BY conversation_id
) AS activity
WHERE activity.conversation_id = conversations.id
  AND conversations.message_count <> activity.message_count;
