-- Accounts. A person who has not signed up yet is a guest, known by device; email comes later.
-- The foreign key is NOT VALID for now: conversations is in use, and 0003 checks the old rows
-- under a lock that lets writers through.

CREATE DOMAIN email_address AS varchar(320)
    CONSTRAINT email_address_shape CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email email_address,
    display_name varchar(120) NOT NULL DEFAULT '',
    locale varchar(16) NOT NULL DEFAULT 'en',
    guest_device_id varchar(64) CONSTRAINT users_guest_device_id_key UNIQUE,
    settings jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- People type their address in any case; it is one account all the same.
CREATE UNIQUE INDEX users_email_lower_key ON users (lower(email)) WHERE email IS NOT NULL;

ALTER TABLE conversations ADD COLUMN user_id uuid;

ALTER TABLE conversations
    ADD CONSTRAINT conversations_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;
