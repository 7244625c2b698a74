-- Every device that has talked to us becomes a guest account, and owns its conversations.
-- Touches only conversations that have no owner yet.

INSERT INTO users (guest_device_id, created_at)
SELECT device_id, min(started_at)
FROM conversations
WHERE user_id IS NULL
GROUP BY device_id
ON CONFLICT (guest_device_id) DO NOTHING;

UPDATE conversations
SET user_id = users.id
FROM users
WHERE users.guest_device_id = conversations.device_id
  AND conversations.user_id IS NULL;
