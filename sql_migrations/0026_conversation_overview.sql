-- One place that says what the sidebar shows: live conversations with persona, tags and the latest
-- summary. The web and the mobile backends had each their own query, and they had drifted apart.

CREATE VIEW conversation_overview AS
SELECT
    conversations.id,
    conversations.user_id,
    conversations.title,
    conversations.message_count,
    coalesce(conversations.last_message_at, conversations.started_at) AS active_at,
    personas.name AS persona_name,
    latest.summary AS latest_summary,
    ARRAY(
        SELECT tags.name
        FROM conversation_tags
        JOIN tags ON tags.id = conversation_tags.tag_id
        WHERE conversation_tags.conversation_id = conversations.id
        ORDER BY tags.name
    ) AS tag_names
FROM conversations
LEFT JOIN conversation_personas ON conversation_personas.conversation_id = conversations.id
LEFT JOIN personas ON personas.id = conversation_personas.persona_id
LEFT JOIN LATERAL (
    SELECT conversation_summaries.summary
    FROM conversation_summaries
    WHERE conversation_summaries.conversation_id = conversations.id
    ORDER BY conversation_summaries.created_at DESC
    LIMIT 1
) AS latest ON true
WHERE conversations.deleted_at IS NULL;

COMMENT ON VIEW conversation_overview IS
    'Conversations that are not deleted, as the sidebar shows them; one row each.';
