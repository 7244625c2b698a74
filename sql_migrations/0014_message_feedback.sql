-- Thumbs up and down, one verdict a person and message; the reasons feed the weekly quality review.

CREATE TYPE feedback_rating AS ENUM ('up', 'down');

CREATE TABLE message_feedback (
    message_id bigint NOT NULL
        CONSTRAINT message_feedback_message_id_fkey REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL
        CONSTRAINT message_feedback_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    rating feedback_rating NOT NULL,
    reasons text[] NOT NULL DEFAULT '{}',
    comment text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, user_id)
);

CREATE INDEX message_feedback_user_id_idx ON message_feedback (user_id);

CREATE INDEX message_feedback_down_idx ON message_feedback (created_at DESC) WHERE rating = 'down';

CREATE INDEX message_feedback_reasons_idx ON message_feedback USING gin (reasons);

COMMENT ON COLUMN message_feedback.reasons IS
    'Slugs the person ticked: too_long, wrong, cold; free text goes to "comment".';
