-- The owner becomes NOT NULL. The validated CHECK spares SET NOT NULL its scan of the table under
-- an exclusive lock, and has then done its work.
-- Conversations begun on the web have no device, so device_id is free to be null from now on.
-- guard: allow = ban-drop-not-null, conversations begun on the web have no device

ALTER TABLE conversations VALIDATE CONSTRAINT conversations_user_id_present;

ALTER TABLE conversations ALTER COLUMN user_id SET NOT NULL;

ALTER TABLE conversations DROP CONSTRAINT conversations_user_id_present;

ALTER TABLE conversations ALTER COLUMN device_id DROP NOT NULL;
