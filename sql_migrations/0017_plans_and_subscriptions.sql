-- Paid plans. The three plans are part of the product, so they are seeded here; prices in cents.
-- A person has at most one subscription that is not over.

CREATE TABLE plans (
    code varchar(20) PRIMARY KEY,
    name varchar(60) NOT NULL,
    monthly_price_cents integer NOT NULL,
    limits jsonb NOT NULL DEFAULT '{}'::jsonb,
    is_offered boolean NOT NULL DEFAULT true,
    CONSTRAINT plans_price_not_negative CHECK (monthly_price_cents >= 0)
);

INSERT INTO plans (code, name, monthly_price_cents, limits)
VALUES
    ('free', 'Free', 0, '{"messages_per_day": 50, "memories": 200}'),
    ('plus', 'Plus', 900, '{"messages_per_day": 1000, "memories": 10000}'),
    ('pro', 'Pro', 2400, '{"messages_per_day": null, "memories": null}');

CREATE TABLE subscriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL
        CONSTRAINT subscriptions_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    plan_code varchar(20) NOT NULL
        CONSTRAINT subscriptions_plan_code_fkey
        REFERENCES plans (code) ON UPDATE CASCADE ON DELETE RESTRICT,
    status varchar(16) NOT NULL DEFAULT 'active',
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CONSTRAINT subscriptions_status_known CHECK (
        status IN ('trial', 'active', 'past_due', 'canceled')
    ),
    CONSTRAINT subscriptions_period CHECK (ended_at > started_at)
);

CREATE UNIQUE INDEX subscriptions_one_current_key ON subscriptions (user_id)
    WHERE ended_at IS NULL;

CREATE INDEX subscriptions_user_id_idx ON subscriptions (user_id);

CREATE INDEX subscriptions_plan_code_idx ON subscriptions (plan_code);
