-- What a person used on a day (UTC), to hold against the limits of the plan. One upsert a request.

CREATE TABLE usage_counters (
    user_id uuid NOT NULL
        CONSTRAINT usage_counters_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    day date NOT NULL,
    metric varchar(40) NOT NULL,
    amount bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, day, metric),
    CONSTRAINT usage_counters_amount_not_negative CHECK (amount >= 0),
    CONSTRAINT usage_counters_metric_known CHECK (
        metric IN ('messages', 'input_tokens', 'output_tokens', 'attachment_bytes')
    )
);

CREATE INDEX usage_counters_day_idx ON usage_counters (day, metric);
